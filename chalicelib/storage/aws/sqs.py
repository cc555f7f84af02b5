"""The queues. A lost message loses nothing: the sweep finds what it was about."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config import settings
from chalicelib.errors import Unavailable

BATCH_SIZE = 10
MAX_BATCH_BYTES = 1024 * 1024
"""Of one call, be it with one message or ten."""
MAX_DELAY_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Message:
    """One message. FIFO queues need `group` and `deduplication`; `delay` is in whole seconds, at most 900."""

    body: Mapping[str, Any]
    group: str | None = None
    deduplication: str | None = None
    delay: int = 0


class Queues(Protocol):
    """The message service that the engine needs."""

    def send(self, queue: str, messages: Sequence[Message]) -> None: ...
    def depth(self, queue: str) -> int: ...


class SqsQueues:
    """SQS itself. Raises Unavailable when SQS does not accept a message, so that its sender is run again."""

    def __init__(self) -> None:
        config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 4})
        self._client = boto3.client("sqs", region_name=settings().region, config=config)
        self._urls: dict[str, str] = {}

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        for batch in split_into_batches(messages):
            try:
                answer = self._client.send_message_batch(QueueUrl=self._url(queue), Entries=batch)
            except (ClientError, BotoCoreError) as error:
                raise Unavailable("The queue cannot be reached; try again") from error
            if answer.get("Failed"):
                raise Unavailable("The queue refused a message; try again")

    def receive(self, queue: str) -> list[tuple[str, dict[str, Any]]]:
        """Up to ten messages as (receipt, body)."""
        answer = self._client.receive_message(QueueUrl=self._url(queue), MaxNumberOfMessages=BATCH_SIZE)
        return [(message["ReceiptHandle"], json.loads(message["Body"])) for message in answer.get("Messages", [])]

    def delete(self, queue: str, receipt: str) -> None:
        """Delete a message that has been handled."""
        self._client.delete_message(QueueUrl=self._url(queue), ReceiptHandle=receipt)

    def depth(self, queue: str) -> int:
        """About how many messages wait. Raises Unavailable."""
        name: Literal["ApproximateNumberOfMessages"] = "ApproximateNumberOfMessages"
        try:
            answer = self._client.get_queue_attributes(QueueUrl=self._url(queue), AttributeNames=[name])
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("The queue cannot be reached; try again") from error
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _url(self, queue: str) -> str:
        if queue not in self._urls:
            self._urls[queue] = self._client.get_queue_url(QueueName=queue)["QueueUrl"]
        return self._urls[queue]


def split_into_batches(messages: Iterable[Message]) -> Iterator[list[Any]]:
    """The messages as entries of SendMessageBatch, in order, in batches of at most ten entries and MAX_BATCH_BYTES. A
    message that is too large by itself is a batch of its own, which SQS refuses."""
    batch: list[Any] = []
    size = 0
    for message in messages:
        entry = _entry(str(len(batch)), message)
        length = len(entry["MessageBody"])
        if batch and (len(batch) == BATCH_SIZE or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
            entry = entry | {"Id": "0"}
        batch.append(entry)
        size += length
    if batch:
        yield batch


def _entry(name: str, message: Message) -> dict[str, Any]:
    # The JSON is ASCII, so its characters are its bytes.
    entry: dict[str, Any] = {"Id": name, "MessageBody": json.dumps(message.body, separators=(",", ":"))}
    if message.group is not None:
        entry |= {"MessageGroupId": message.group, "MessageDeduplicationId": message.deduplication}
    return entry | ({"DelaySeconds": message.delay} if message.group is None or message.delay else {})


_queues: Queues | None = None


@cache
def client() -> SqsQueues:
    """The process's SQS client."""
    return SqsQueues()


def use_queues(queues: Queues | None) -> None:
    """Send through `queues` from now on; None for SQS itself."""
    global _queues
    _queues = queues


def send(queue: str, messages: Sequence[Message]) -> None:
    """Send messages, in batches of ten. Raises Unavailable when SQS does not accept one."""
    if messages:
        (_queues or client()).send(queue, messages)


def depth(queue: str) -> int:
    """About how many messages wait in a queue. Raises Unavailable."""
    return (_queues or client()).depth(queue)
