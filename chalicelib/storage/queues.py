"""The queues: messages out. SQS holds no truth; what is lost here is found again by the sweep."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Literal, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config import settings
from chalicelib.errors import Unavailable

BATCH = 10
LONGEST_DELAY_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Message:
    """One message. FIFO queues need `group` and `deduplication`; `delay` is in whole seconds, at most 900."""

    body: Mapping[str, Any]
    group: str | None = None
    deduplication: str | None = None
    delay: int = 0


class Queues(Protocol):
    """What the engine needs of a message service."""

    def send(self, queue: str, messages: Sequence[Message]) -> None: ...
    def depth(self, queue: str) -> int: ...


class SqsQueues:
    """SQS itself. Raises Unavailable when a message was not taken, so that its sender is run again."""

    def __init__(self) -> None:
        config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 4})
        self._client = boto3.client("sqs", region_name=settings().region, config=config)
        self._urls: dict[str, str] = {}

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        for batch in _batches(messages):
            try:
                answer = self._client.send_message_batch(QueueUrl=self._url(queue), Entries=_entries(batch))
            except (ClientError, BotoCoreError) as error:
                raise Unavailable("The queue cannot be reached; try again") from error
            if answer.get("Failed"):
                raise Unavailable("The queue refused a message; try again")

    def receive(self, queue: str) -> list[tuple[str, dict[str, Any]]]:
        """Up to ten messages as (receipt, body)."""
        answer = self._client.receive_message(QueueUrl=self._url(queue), MaxNumberOfMessages=BATCH)
        return [(found["ReceiptHandle"], json.loads(found["Body"])) for found in answer.get("Messages", [])]

    def delete(self, queue: str, receipt: str) -> None:
        """The message is dealt with."""
        self._client.delete_message(QueueUrl=self._url(queue), ReceiptHandle=receipt)

    def depth(self, queue: str) -> int:
        """About how many messages wait. Raises Unavailable."""
        wanted: Literal["ApproximateNumberOfMessages"] = "ApproximateNumberOfMessages"
        try:
            answer = self._client.get_queue_attributes(QueueUrl=self._url(queue), AttributeNames=[wanted])
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("The queue cannot be reached; try again") from error
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _url(self, queue: str) -> str:
        if queue not in self._urls:
            self._urls[queue] = self._client.get_queue_url(QueueName=queue)["QueueUrl"]
        return self._urls[queue]


def _batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    remaining = iter(messages)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _entries(batch: list[Message]) -> Any:
    return [_entry(str(number), message) for number, message in enumerate(batch)]


def _entry(name: str, message: Message) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": name, "MessageBody": json.dumps(message.body, separators=(",", ":"))}
    if message.group is not None:
        return entry | {"MessageGroupId": message.group, "MessageDeduplicationId": message.deduplication}
    return entry | {"DelaySeconds": message.delay}


_queues: Queues | None = None


@cache
def sqs() -> SqsQueues:
    """The process's SQS client."""
    return SqsQueues()


def use(queues: Queues | None) -> None:
    """Send through `queues` from now on; None for SQS itself."""
    global _queues
    _queues = queues


def send(queue: str, messages: Sequence[Message]) -> None:
    """Send messages, in batches of ten. Raises Unavailable when one was not taken."""
    if messages:
        (_queues or sqs()).send(queue, messages)


def depth(queue: str) -> int:
    """About how many messages wait in a queue. Raises Unavailable."""
    return (_queues or sqs()).depth(queue)
