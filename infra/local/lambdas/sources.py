"""What starts a function: a table's stream or a queue. Each hands out its next batch as a job to be run."""

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
"""Calls the function with an event; raises what the function raises."""

FIRST_REST, LONGEST_REST = 500, 30_000
"""How long a failing shard rests before it is tried again, in milliseconds; doubled each time."""


class Source(Protocol):
    """Where a function's events come from."""

    name: str
    """Of the table or queue, whose writes are a reason to look again at once."""
    concurrency: int
    """How many jobs may run at once."""
    has_more: bool
    """Whether the last look may have left something: if not, the next comes after a write or the end of a job."""
    pace: float
    """Seconds from one look to the next at the least: what comes meanwhile is one batch."""

    def take(self) -> Job | None:
        """The next batch as a job, which raises what the function raises; None when there is nothing to do now."""

    def patience(self) -> float:
        """Seconds after which to look again though nothing was heard."""


class StreamSource:
    """A table's stream, shard after shard, in order: a record that fails holds up those behind it until it passes.

    Lambda would give up on it after some tries; here it is tried for ever, at growing intervals.
    """

    concurrency = 1
    has_more = True

    def __init__(self, table: str, batch: int, invoke: Invoke, pace: float = 0.0) -> None:
        self.name, self.pace = table, pace
        self._batch, self._invoke = batch, invoke
        self._region = settings().region
        self._client = boto3.client("dynamodbstreams", region_name=self._region)
        self._arn = _stream_arn(table, self._region)
        self._seen: set[str] = set()
        self._iterators: list[str] = []
        self._pending: list[Record] = []
        self._rest, self._resting_until = FIRST_REST, 0

    def take(self) -> Job | None:
        if clock.now() < self._resting_until:
            return None
        self._pending = self._pending or self._read()
        return self._run if self._pending else None

    def patience(self) -> float:
        # Nobody but this process writes, and its writes are heard: looking unasked is a safeguard only.
        return max(0.0, self._resting_until - clock.now()) / clock.SECOND or 10.0

    def _run(self) -> None:
        numbers = [record["dynamodb"]["SequenceNumber"] for record in self._pending]
        failed = set(numbers)
        try:
            failed = events.failed(self._invoke({"Records": self._pending}), numbers)
        finally:
            self._settle(next((place for place, number in enumerate(numbers) if number in failed), len(numbers)))

    def _settle(self, done: int) -> None:
        """The first `done` records are dealt with."""
        self._pending = self._pending[done:]
        if done:
            self._rest = FIRST_REST
        if self._pending:
            self._resting_until = clock.now() + self._rest
            self._rest = min(2 * self._rest, LONGEST_REST)

    def _read(self) -> list[Record]:
        if not self._iterators:
            self._open()
        for place, iterator in enumerate(self._iterators):
            answer = self._client.get_records(ShardIterator=iterator, Limit=self._batch)
            following = answer.get("NextShardIterator")
            self._iterators[place : place + 1] = [following] if following else []
            if answer["Records"]:
                return [events.stream_record(raw, self._arn, self._region) for raw in answer["Records"]]
            if not following:
                break
        return []

    def _open(self) -> None:
        """Begin with the shards not read yet: at first all of them, later those that follow on closed ones."""
        shards = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        for shard in (found["ShardId"] for found in shards if found["ShardId"] not in self._seen):
            self._seen.add(shard)
            answer = self._client.get_shard_iterator(
                StreamArn=self._arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )
            self._iterators.append(answer["ShardIterator"])


def _stream_arn(table: str, region: str) -> str:
    """Raises CannotRun where there is none, as on servers that know no streams."""
    found = boto3.client("dynamodb", region_name=region).describe_table(TableName=table)["Table"]
    if "LatestStreamArn" not in found:
        raise CannotRun(f"Table {table} has no stream: name a server that has DynamoDB Streams, or none.")
    return str(found["LatestStreamArn"])


class QueueSource:
    """A queue: what failed is not deleted, so that it comes back when its visibility timeout has passed."""

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
        # Without waiting: inside moto a long poll would hold up everybody else's calls.
        answer = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=self._batch, MessageSystemAttributeNames=["All"]
        )
        messages = answer.get("Messages", [])
        self.has_more = len(messages) == self._batch
        records = [events.queue_record(message, self._arn, self._region) for message in messages]
        return (lambda: self._run(records)) if records else None

    def patience(self) -> float:
        return 1.0

    def _run(self, records: list[Record]) -> None:
        failed = events.failed(self._invoke({"Records": records}), [record["messageId"] for record in records])
        done = [record["receiptHandle"] for record in records if record["messageId"] not in failed]
        entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(done)]
        if entries:
            self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
