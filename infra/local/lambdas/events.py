"""Lambda's events and context, made from the services' answers."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib import clock, ids

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """Lambda's context of an invocation."""

    function_name: str
    timeout: int
    """In seconds."""
    aws_request_id: str = field(default_factory=lambda: ids.new("req"))
    memory_limit_in_mb: int = 512
    started: int = field(default_factory=clock.now)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.started + self.timeout * clock.SECOND - clock.now())


def stream_record(raw: Mapping[str, Any], arn: str, region: str) -> Record:
    """A stream's record as JSON: instants are epoch seconds, bytes are base64."""
    event = {**raw, "eventSource": "aws:dynamodb", "eventSourceARN": arn, "awsRegion": region}
    return dict(json.loads(json.dumps(event, default=_plain)))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"A stream record holds a {type(value).__name__}")


def queue_record(message: Mapping[str, Any], arn: str, region: str) -> Record:
    """A queue's message, without message attributes, which Yardmaster does not use."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }


def tick(name: str, at: int, region: str) -> Record:
    """A schedule's event. `at` is in epoch milliseconds."""
    return {
        "version": "0",
        "id": ids.new("tick"),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": clock.utc(at).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [f"arn:aws:events:{region}:123456789012:rule/{name}"],
        "detail": {},
    }


def failed_names(answer: Any, names: Sequence[str]) -> set[str]:
    """The names that a handler's answer reports as failed; all of `names` if it reports an unknown one."""
    reported = (answer or {}).get("batchItemFailures") or []
    failed = {entry.get("itemIdentifier") for entry in reported}
    return failed if failed <= set(names) else set(names)
