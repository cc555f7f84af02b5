"""moto in this process, with a lock and the deployment's tables, and hooks into the calls that reach it.

AWS_ENDPOINT_URL_DYNAMODB replaces moto's DynamoDB by another one; there each test creates and deletes the tables.
"""

import os
import pickle
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

os.environ.setdefault("AWS_ACCESS_KEY_ID", "testing")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "testing")
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "true")
os.environ.setdefault("LOG_LEVEL", "CRITICAL")

import boto3
from botocore.httpsession import URLLib3Session
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb.models import dynamodb_backends

from chalicelib import storage
from chalicelib.config import settings
from infra.local.lambdas import events
from infra.local.moto import fast_paths, refusals, transactions
from infra.local.moto.stack_chunks import with_large_chunk

OTHER_ENDPOINT = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")

_lock = threading.RLock()
_unlocked = with_large_chunk(BotocoreStubber.process_request)
_socket_options: Any = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]  # botocore-stubs want strings
_session = URLLib3Session(socket_options=_socket_options)


def _process(self: Any, request: Any) -> Any:
    # Before the lock, so that other threads continue meanwhile.
    if _pace is not None and _call_of(request)[0] != STREAMS:
        _pace()
    # moto's conditional writes are not atomic under threads: without the lock, tests would fail because of moto.
    with nullcontext() if OTHER_ENDPOINT else _lock:
        return _send_through(lambda: _unlocked(self, _rewind(request)) or _forward(request), request)


def _rewind(request: Any) -> Any:
    """The request with its body at the beginning, as the AWS client sends it again."""
    if hasattr(request.body, "seek"):
        request.body.seek(0)
    return request


def _forward(request: Any) -> tuple[int, dict[str, str], bytes]:
    """Send a request that moto does not answer. It is sent here, so that tests can interfere as with moto's."""
    answer = _session.send(request)
    return answer.status_code, dict(answer.headers), answer.content


BotocoreStubber.process_request = _process  # type: ignore[method-assign]  # so that tests see every call

Call = tuple[str, str]
"""(service, operation), such as ("DynamoDB", "PutItem")."""
Interference = Callable[[Call, Callable[[], Any]], Any]

_interferences: list[Interference] = []
_pace: Callable[[], None] | None = None
STREAMS = "DynamoDBStreams"
"""Only the tests' support reads streams, so no test interferes."""


_READS = frozenset({"GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan", "DescribeTable"})
_changes = 0


def changes() -> int:
    """How often DynamoDB was called since the process began, other than to read."""
    return _changes


def _send_through(send: Callable[[], Any], request: Any) -> Any:
    global _changes
    call = _call_of(request)
    _changes += call[0] == "DynamoDB" and call[1] not in _READS
    if call[0] == STREAMS:
        return send()
    for interference in _interferences:
        send = _bind(interference, call, send)
    return send()


def _bind(interference: Interference, call: Call, send: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: interference(call, send)


def _call_of(request: Any) -> Call:
    target = request.headers.get("X-Amz-Target", b"")
    text = target.decode() if isinstance(target, bytes) else target
    service, _, operation = text.partition(".")
    return (service.partition("_")[0], operation) if operation else ("S3", request.method)


@contextmanager
def interfering(interference: Interference) -> Iterator[None]:
    """Route calls through `interference(call, send)`, which calls `send()` to reach AWS."""
    _interferences.append(interference)
    try:
        yield
    finally:
        _interferences.remove(interference)


def send_again(call: Call, send: Callable[[], Any]) -> Any:
    """An interference: the answer to each single write is lost, and the AWS client sends it again. A transaction that
    it sends again is the same one to DynamoDB."""
    if call in (("DynamoDB", "PutItem"), ("DynamoDB", "DeleteItem")):
        send()
    return send()


@contextmanager
def pacing(pause: Callable[[], None]) -> Iterator[None]:
    """Call `pause` before each call to AWS, so that the call takes time."""
    global _pace
    before, _pace = _pace, pause
    try:
        yield
    finally:
        _pace = before


@contextmanager
def without_interference() -> Iterator[None]:
    """Switch interferences off, for calls with which the test itself reads."""
    before, _interferences[:] = _interferences[:], []
    try:
        yield
    finally:
        _interferences[:] = before


@contextmanager
def counting() -> Iterator[Counter[Call]]:
    """Count the AWS calls until the block ends."""
    calls: Counter[Call] = Counter()

    def count(call: Call, send: Callable[[], Any]) -> Any:
        calls[call] += 1
        return send()

    with interfering(count):
        yield calls


@contextmanager
def cloud() -> Iterator[None]:
    """Empty tables, queues and bucket. Clients are reused, because moto answers all of them."""
    with fast_paths.replacing_moto(), refusals.refusing_more(), mock_aws(), transactions.undoing_changes():
        _create_tables()
        _client("s3").create_bucket(Bucket=settings().payload_bucket)
        _client("sqs").create_queue(QueueName=settings().parked_queue)
        try:
            yield
        finally:
            _delete_tables()


def _create_tables() -> None:
    """Create the tables. moto's are copies of the first ones, which takes a hundredth of the time."""
    global _changes
    _changes += 1
    models: tuple[Any, ...] = storage.models()
    names = tuple(getattr(settings(), model.Meta.setting) for model in models)
    if names in _pickled_tables:
        _backend().tables = pickle.loads(_pickled_tables[names])
        return
    for model in models:
        description = _client("dynamodb").create_table(**_table(model))["TableDescription"]
        if OTHER_ENDPOINT and "LatestStreamArn" in description:
            _stream_readers[description["TableName"]] = _StreamReader(description["LatestStreamArn"])
    if not OTHER_ENDPOINT:
        _pickled_tables[names] = pickle.dumps(_backend().tables)


_pickled_tables: dict[tuple[str, ...], bytes] = {}
"""Names of the tables -> moto's empty tables, pickled."""


def _backend() -> Any:
    return dynamodb_backends["123456789012"]["us-east-1"]


def _delete_tables() -> None:
    """Delete the tables at another endpoint; moto removes its own."""
    _stream_readers.clear()
    if OTHER_ENDPOINT:
        for name in _client("dynamodb").list_tables()["TableNames"]:
            _client("dynamodb").delete_table(TableName=name)


@cache
def _client(service: str) -> Any:
    # Streams have a setting of their own, but no server of their own.
    client: Any = boto3.client  # typed for literal names only
    return client(service, endpoint_url=OTHER_ENDPOINT if service == "dynamodbstreams" else None)


def _table(model: Any) -> dict[str, Any]:
    schema = model._get_schema()
    indexes = [
        {"IndexName": one["index_name"], "KeySchema": _hash_first(one["key_schema"]), "Projection": one["projection"]}
        for one in schema["global_secondary_indexes"]
    ]
    table = {
        "TableName": getattr(settings(), model.Meta.setting),
        "AttributeDefinitions": schema["attribute_definitions"],
        "KeySchema": _hash_first(schema["key_schema"]),
        "BillingMode": "PAY_PER_REQUEST",
    }
    if indexes:
        table["GlobalSecondaryIndexes"] = indexes
    if getattr(model.Meta, "stream", False):
        table["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    return table


def _hash_first(keys: list[dict[str, str]]) -> list[dict[str, str]]:
    """Sort the hash key first. PynamoDB sorts by name, which only moto accepts."""
    return sorted(keys, key=lambda key: key["KeyType"])


def stream_records(table: str, start: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
    """The records of a table's stream, in order: from number `start` on, at most `limit`."""
    end = None if limit is None else start + limit
    if OTHER_ENDPOINT:
        return _stream_readers[table].records()[start:end]
    shard = _backend().tables[table].stream_shard
    return [record.to_json() for record in shard.items[start:end]]


class _StreamReader:
    """The records of a stream at another endpoint. It has one shard, which lasts longer than a test."""

    def __init__(self, arn: str) -> None:
        self._records: list[dict[str, Any]] = []
        self._stream, self._client = arn, _client("dynamodbstreams")
        [shard] = self._client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self._shard = {"StreamArn": arn, "ShardId": shard["ShardId"]}

    def records(self) -> list[dict[str, Any]]:
        """All records, including those written since the last call."""
        while new_records := self._client.get_records(ShardIterator=self._iterator())["Records"]:
            self._records += [events.stream_record(raw, self._stream, settings().region) for raw in new_records]
        return self._records

    def _iterator(self) -> str:
        # Not NextShardIterator: DynamoDB Local loses one that it gave while the stream was empty.
        place = {"ShardIteratorType": "TRIM_HORIZON"}
        if self._records:
            last = self._records[-1]["dynamodb"]["SequenceNumber"]
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
        return str(self._client.get_shard_iterator(**self._shard, **place)["ShardIterator"])


_stream_readers: dict[str, _StreamReader] = {}


def raw_items(table: str) -> list[dict[str, dict[str, str]]]:
    """Every item of a table as DynamoDB stores it; for invariants only."""
    if OTHER_ENDPOINT:
        with without_interference():
            pages = _client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
            return [item for page in pages for item in page["Items"]]
    with _lock:
        return [item.to_json()["Attributes"] for item in _backend().tables[table].all_items()]


def items(model: Any) -> list[Any]:
    """Every item of a table; for invariants only: the product never scans."""
    if OTHER_ENDPOINT:
        with without_interference():
            return list(model.scan(consistent_read=True))
    raw = raw_items(getattr(settings(), model.Meta.setting))
    return [model.from_raw_data(item) for item in raw if _is_item_of(model, item)]


def _is_item_of(model: Any, item: dict[str, Any]) -> bool:
    kind = model._get_discriminator_class(item)
    return kind is None or issubclass(kind, model)
