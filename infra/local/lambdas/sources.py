"""The sources of a function's events: a table's stream or a queue. Each returns its next batch as a job."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import boto3

from chalicelib import clock
from chalicelib.config import settings
from infra.local import CannotRun
from infra.local.lambdas import events
from infra.local.lambdas.events import Record

Job = Callable[[], None]
Invoke = Callable[[Mapping[str, Any]], Any]
"""Calls the function with an event. Raises the function's exceptions."""

FIRST_PAUSE_MS, MAX_PAUSE_MS = 500, 30_000
"""How long a failing shard waits before the next try, in milliseconds. It doubles each time."""


class Source(Protocol):
    """Where a function's events come from."""

    name: str
    """The name of the table or queue. Each write to it starts a read."""
    concurrency: int
    """How many jobs may run at once."""
    has_more: bool
    """Whether the last read may have left events. If not, the next read is after a write or the end of a job."""
    pace: float
    """The least number of seconds between two reads. Events of that time form one batch."""

    def take(self) -> Job | None:
        """The next batch as a job, which raises the function's exceptions; None when there is no event now."""

    def wait_seconds(self) -> float:
        """Seconds after which to read again without a write."""


class StreamSource:
    """A table's stream, one shard after the other. A record that fails holds up the later ones until it succeeds.

    Lambda gives up after some tries. Here a record is retried for ever, at growing intervals.
    """

    concurrency = 1
    has_more = True

    def __init__(self, table: str, batch: int, invoke: Invoke, pace: float = 0.0) -> None:
        self.name, self.pace = table, pace
        self._batch, self._invoke = batch, invoke
        self._region = settings().region
        self._client = boto3.client("dynamodbstreams", region_name=self._region)
        self._arn = _stream_arn(table, self._region)
        self._opened_shards: set[str] = set()
        self._iterators: list[str] = []
        self._pending: list[Record] = []
        self._pause_ms, self._paused_until = FIRST_PAUSE_MS, 0

    def take(self) -> Job | None:
        if clock.now() < self._paused_until:
            return None
        self._pending = self._pending or self._read()
        return self._run if self._pending else None

    def wait_seconds(self) -> float:
        # Only this process writes, and its writes start a read. Reading without one is a safeguard.
        return max(0.0, self._paused_until - clock.now()) / clock.SECOND or 10.0

    def _run(self) -> None:
        numbers = [record["dynamodb"]["SequenceNumber"] for record in self._pending]
        failed = set(numbers)
        try:
            failed = events.failed_names(self._invoke({"Records": self._pending}), numbers)
        finally:
            self._finish(next((place for place, number in enumerate(numbers) if number in failed), len(numbers)))

    def _finish(self, count: int) -> None:
        """Drop the first `count` records, which are handled. If others are left, pause before the next try."""
        self._pending = self._pending[count:]
        if count:
            self._pause_ms = FIRST_PAUSE_MS
        if self._pending:
            self._paused_until = clock.now() + self._pause_ms
            self._pause_ms = min(2 * self._pause_ms, MAX_PAUSE_MS)

    def _read(self) -> list[Record]:
        if not self._iterators:
            self._open()
        for place, iterator in enumerate(self._iterators):
            answer = self._client.get_records(ShardIterator=iterator, Limit=self._batch)
            next_iterator = answer.get("NextShardIterator")
            self._iterators[place : place + 1] = [next_iterator] if next_iterator else []
            if answer["Records"]:
                return [events.stream_record(raw, self._arn, self._region) for raw in answer["Records"]]
            if not next_iterator:
                break
        return []

    def _open(self) -> None:
        """Open the shards that were not opened yet: at first all of them, later those that follow closed ones."""
        shards = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        for shard in (
            description["ShardId"] for description in shards if description["ShardId"] not in self._opened_shards
        ):
            self._opened_shards.add(shard)
            answer = self._client.get_shard_iterator(
                StreamArn=self._arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )
            self._iterators.append(answer["ShardIterator"])


def _stream_arn(table: str, region: str) -> str:
    """The ARN of a table's stream. Raises CannotRun where there is none, as on servers without streams."""
    description = boto3.client("dynamodb", region_name=region).describe_table(TableName=table)["Table"]
    if "LatestStreamArn" not in description:
        raise CannotRun(f"Table {table} has no stream: AWS_ENDPOINT_URL_DYNAMODB must name a server that has streams.")
    return str(description["LatestStreamArn"])


class QueueSource:
    """A queue. A message that failed is not deleted, so it becomes visible again after its visibility timeout."""

    pace = 0.0

    def __init__(self, queue: str, batch: int, concurrency: int, invoke: Invoke) -> None:
        self.name, self.concurrency = queue, concurrency
        self._batch, self._invoke, self.has_more = batch, invoke, True
        self._region = settings().region
        self._client: Any = boto3.client("sqs", region_name=self._region)
        self._url = self._client.get_queue_url(QueueName=queue)["QueueUrl"]
        attributes = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        self._arn = attributes["Attributes"]["QueueArn"]

    def take(self) -> Job | None:
        # Not a long poll: moto handles one call at a time.
        answer = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=self._batch, MessageSystemAttributeNames=["All"]
        )
        messages = answer.get("Messages", [])
        self.has_more = len(messages) == self._batch
        records = [events.queue_record(message, self._arn, self._region) for message in messages]
        return (lambda: self._run(records)) if records else None

    def wait_seconds(self) -> float:
        return 1.0

    def _run(self, records: list[Record]) -> None:
        failed = events.failed_names(self._invoke({"Records": records}), [record["messageId"] for record in records])
        handled = [record["receiptHandle"] for record in records if record["messageId"] not in failed]
        entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(handled)]
        if entries:
            self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
