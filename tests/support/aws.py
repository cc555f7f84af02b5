"""moto in this process, made atomic, with the house's tables; and what a test may do to the calls that reach it."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

os.environ.setdefault("AWS_ACCESS_KEY_ID", "testing")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "testing")
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "true")
os.environ.setdefault("LOG_LEVEL", "CRITICAL")

import boto3
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb.models import dynamodb_backends

from chalicelib import storage
from chalicelib.config import settings
from infra.local import transactions

_lock = threading.RLock()
_unlocked = BotocoreStubber.process_request


def _process(self: Any, request: Any) -> Any:
    # moto's conditional writes are not atomic under threads: without this, tests would fail for moto's sake.
    with _lock:
        return _through(lambda: _unlocked(self, request), request)


BotocoreStubber.process_request = _process

Call = tuple[str, str]
"""(service, operation), such as ("DynamoDB", "PutItem")."""
Interference = Callable[[Call, Callable[[], Any]], Any]

_interferences: list[Interference] = []


def _through(send: Callable[[], Any], request: Any) -> Any:
    call = _call_of(request)
    for interference in _interferences:
        send = _wrapped(interference, call, send)
    return send()


def _wrapped(interference: Interference, call: Call, send: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: interference(call, send)


def _call_of(request: Any) -> Call:
    target = request.headers.get("X-Amz-Target", b"")
    text = target.decode() if isinstance(target, bytes) else target
    service, _, operation = text.partition(".")
    return (service.partition("_")[0], operation) if operation else ("S3", request.method)


@contextmanager
def interfering(interference: Interference) -> Iterator[None]:
    """Let `interference(call, send)` stand between the code and AWS."""
    _interferences.append(interference)
    try:
        yield
    finally:
        _interferences.remove(interference)


@contextmanager
def counting() -> Iterator[Counter[Call]]:
    """Count the AWS calls made meanwhile."""
    calls: Counter[Call] = Counter()

    def count(call: Call, send: Callable[[], Any]) -> Any:
        calls[call] += 1
        return send()

    with interfering(count):
        yield calls


@contextmanager
def cloud() -> Iterator[None]:
    """Empty tables, queues and bucket. Clients are kept from one to the next: moto stands in for all of them."""
    with mock_aws(), transactions.light():
        for model in storage.models():
            _client("dynamodb").create_table(**_table(model))
        _client("s3").create_bucket(Bucket=settings().payload_bucket)
        _client("sqs").create_queue(QueueName=settings().parked_queue)
        yield


@cache
def _client(service: str) -> Any:
    return boto3.client(service)


def _table(model: Any) -> dict[str, Any]:
    schema = model._get_schema()
    indexes = [
        {"IndexName": one["index_name"], "KeySchema": one["key_schema"], "Projection": one["projection"]}
        for one in schema["global_secondary_indexes"]
    ]
    table = {
        "TableName": getattr(settings(), model.Meta.setting),
        "AttributeDefinitions": schema["attribute_definitions"],
        "KeySchema": schema["key_schema"],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if indexes:
        table["GlobalSecondaryIndexes"] = indexes
    if getattr(model.Meta, "stream", False):
        table["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    return table


def stream(table: str) -> list[dict[str, Any]]:
    """All records of a table's stream so far, in order."""
    shard = dynamodb_backends["123456789012"]["us-east-1"].tables[table].stream_shard
    return [record.to_json() for record in shard.items]


def items(model: Any) -> list[Any]:
    """Every item of a table; for invariants only, the product never scans."""
    return list(model.scan(consistent_read=True))
