"""Batches, partial failures, visibility and redrive as in AWS, on the deployed queues and tables."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from chalicelib import clock
from infra.local import CannotRun
from infra.local.lambdas.pump import Pump
from infra.local.lambdas.sources import QueueSource, StreamSource

Names = dict[str, str]
VISIBILITY = 540.001
"""The visibility timeout of the queue of deliveries and one millisecond, in seconds."""


class Function:
    """A function that records its events and fails those in `failing`."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.calls: list[list[str]] = []
        self.failing: set[str] = set()
        self.records: list[Mapping[str, Any]] = []

    def __call__(self, event: Mapping[str, Any]) -> Any:
        self.records += event["Records"]
        batch = {self._name(record): self._identifier(record) for record in event["Records"]}
        self.calls.append(list(batch))
        if "everything" in self.failing:
            raise RuntimeError("fails everything")
        return {"batchItemFailures": [{"itemIdentifier": batch[name]} for name in batch if name in self.failing]}

    def _name(self, record: Mapping[str, Any]) -> str:
        return record["body"] if self._key == "body" else record["dynamodb"]["Keys"]["id"]["S"]

    def _identifier(self, record: Mapping[str, Any]) -> str:
        return record["messageId"] if self._key == "body" else record["dynamodb"]["SequenceNumber"]


def send(queue: str, *bodies: str, group: str | None = None) -> None:
    client = boto3.client("sqs")
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    for body in bodies:
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": body} if group else {}
        client.send_message(QueueUrl=url, MessageBody=body, **fifo)


def receive(queue: str) -> list[str]:
    client = boto3.client("sqs")
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    return [message["Body"] for message in client.receive_message(QueueUrl=url).get("Messages", [])]


def test_only_failed_messages_come_back_after_the_visibility_timeout(
    names: Names, manual_clock: clock.ManualClock
) -> None:
    queue, function = names["deliver_queue"], Function("body")
    pump = Pump([QueueSource(queue, 10, 4, function)])
    send(queue, *"abc")
    function.failing = {"b"}
    pump.drain()
    manual_clock.advance(VISIBILITY - 0.001)
    pump.drain()
    assert function.calls == [["a", "b", "c"]]
    function.failing = set()
    manual_clock.advance(0.001)
    pump.drain()
    manual_clock.advance(VISIBILITY)
    pump.drain()
    assert function.calls == [["a", "b", "c"], ["b"]]
    assert [record["attributes"]["ApproximateReceiveCount"] for record in function.records] == ["1", "1", "1", "2"]


def test_a_message_that_always_fails_is_dead_after_five_tries(names: Names, manual_clock: clock.ManualClock) -> None:
    queue, function = names["deliver_queue"], Function("body")
    pump = Pump([QueueSource(queue, 10, 1, function)])
    function.failing = {"everything"}
    send(queue, "poison")
    for _ in range(7):
        pump.drain()
        manual_clock.advance(VISIBILITY)
    assert len(function.calls) == 5
    assert receive("yardmaster-deliver-dead") == ["poison"]


def test_a_delayed_message_comes_by_the_clock(names: Names, manual_clock: clock.ManualClock) -> None:
    queue, function = names["wakeups_queue"], Function("body")
    pump = Pump([QueueSource(queue, 10, 1, function)])
    client = boto3.client("sqs")
    client.send_message(QueueUrl=client.get_queue_url(QueueName=queue)["QueueUrl"], MessageBody="x", DelaySeconds=900)
    manual_clock.advance(899)
    pump.drain()
    assert function.calls == []
    manual_clock.advance(1)
    pump.drain()
    assert function.calls == [["x"]]


def test_a_fifo_group_is_in_one_batch_at_a_time(names: Names, manual_clock: clock.ManualClock) -> None:
    queue, function = names["dispatch_queue"], Function("body")
    source = QueueSource(queue, 10, 4, function)
    send(queue, "a1", "a2", group="a")
    first = source.take()
    send(queue, "a3", group="a")
    send(queue, "b1", group="b")
    second = source.take()
    assert source.take() is None
    second()
    first()
    Pump([source]).drain()
    assert function.calls == [["b1"], ["a1", "a2"], ["a3"]]
    assert function.records[0]["attributes"]["MessageGroupId"] == "b"


@pytest.fixture
def table(names: Names) -> str:
    return names["tasks_table"]


def put(table: str, *keys: str) -> None:
    for key in keys:
        boto3.client("dynamodb").put_item(TableName=table, Item={"id": {"S": key}})


def test_a_stream_is_read_in_order_and_in_batches(table: str) -> None:
    function = Function("stream")
    put(table, *"abcde")
    Pump([StreamSource(table, 2, function)]).drain()
    assert function.calls == [["a", "b"], ["c", "d"], ["e"]]
    [record, *_] = function.records
    assert record["eventName"] == "INSERT"
    assert record["eventSource"] == "aws:dynamodb"
    assert f":table/{table}/stream/" in record["eventSourceARN"]
    assert record["dynamodb"]["NewImage"] == {"id": {"S": "a"}}
    assert record["dynamodb"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert json.loads(json.dumps(record)) == record


def test_a_stream_continues_at_the_failed_record(table: str, manual_clock: clock.ManualClock) -> None:
    function = Function("stream")
    pump = Pump([StreamSource(table, 100, function)])
    put(table, *"abc")
    function.failing = {"b", "c"}
    pump.drain()
    assert function.calls == [["a", "b", "c"]]
    put(table, "d")
    manual_clock.advance(0.499)
    pump.drain()
    assert len(function.calls) == 1
    manual_clock.advance(0.001)
    pump.drain()
    function.failing = set()
    manual_clock.advance(1)
    pump.drain()
    assert function.calls == [["a", "b", "c"], ["b", "c"], ["b", "c"], ["d"]]


def test_a_function_that_raises_gets_its_records_again_at_growing_intervals(
    table: str, manual_clock: clock.ManualClock
) -> None:
    function = Function("stream")
    source = StreamSource(table, 100, function)
    pump = Pump([source])
    put(table, "a")
    function.failing = {"everything"}
    waits = []
    for _ in range(8):
        pump.drain()
        waits.append(source.wait_seconds())
        manual_clock.advance(source.wait_seconds())
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]
    function.failing = set()
    pump.drain()
    assert function.calls == [["a"]] * 9
    assert source.take() is None


def test_a_table_without_a_stream_is_named(names: Names) -> None:
    with pytest.raises(CannotRun, match=names["stats_table"]):
        StreamSource(names["stats_table"], 100, Function("stream"))
