"""Queues with the faster functions hold, return and count the same messages as moto's."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import Random
from typing import Any
from unittest.mock import PropertyMock, patch

import pytest
from moto.moto_api._internal import mock_random
from moto.sqs import models
from moto.sqs.models import Message, Queue, SQSBackend

from infra.local.moto import fast_paths

SEEDS, STEPS = 30, 200
QUEUES = {
    "plain": {"VisibilityTimeout": "5", "RedrivePolicy": '{"deadLetterTargetArn": "%s:dead", "maxReceiveCount": 3}'},
    "slow": {"DelaySeconds": "2", "MessageRetentionPeriod": "60"},
    "ordered.fifo": {"FifoQueue": "true", "VisibilityTimeout": "5"},
    "telling.fifo": {"FifoQueue": "true", "ContentBasedDeduplication": "true"},
    "dead": {},
}
ARN = "arn:aws:sqs:eu-west-3:222222222222"
"""An account that no other test uses, because moto searches dead-letter queues in all of an account's queues."""
ATTRIBUTE_NAMES = [
    ["All"],
    ["QueueArn"],
    ["ApproximateNumberOfMessages"],
    ["VisibilityTimeout", "DelaySeconds"],
    ["Nothing"],
    [],
]


class QueueSteps:
    """Random steps on one backend, with a clock that moves between them."""

    def __init__(self, seed: int) -> None:
        self._random, self.now = Random(seed), 1_000_000.0
        mock_random.seed(seed)
        self._backend = models.sqs_backends["222222222222"]["eu-west-3"]
        self._backend.reset()
        self._receipts = ["unknown"]
        for name, attributes in reversed(QUEUES.items()):
            entries = {one: value % ARN if "%s" in value else value for one, value in attributes.items()}
            self._backend.create_queue(name, None, **entries)

    def outcomes(self) -> Iterator[Any]:
        steps = [self._send, self._send, self._send_many, self._receive, self._receive, self._delete, self._show]
        for _ in range(STEPS):
            self.now += self._random.choice([0, 0, 1000, 2000])
            try:
                yield self._random.choice(steps)()
            except Exception as error:  # noqa: BLE001 - where moto raises, the faster function must raise the same
                yield type(error), str(error)
        yield [dict(vars(message)) for queue in self._backend.queues.values() for message in queue._messages]

    def _queue(self) -> str:
        return self._random.choice([*QUEUES, "nowhere"])

    def _order_or_delay(self, queue: str) -> dict[str, Any]:
        ordered = {
            "group_id": self._random.choice("ab"),
            "deduplication_id": self._random.choice(["1", "2", "3", None]),
        }
        return ordered if queue.endswith(".fifo") else {"delay_seconds": self._random.choice([None, 0, 1, 901])}

    def _send(self) -> Any:
        queue = self._queue()
        return dict(vars(self._backend.send_message(queue, self._random.choice("xyz"), **self._order_or_delay(queue))))

    def _send_many(self) -> Any:
        entries = [
            {"Id": str(number), "MessageBody": "m", "MessageAttributes": {}, "DelaySeconds": 1} for number in (1, 2)
        ]
        sent, failed = self._backend.send_message_batch(self._queue(), {one["Id"]: one for one in entries})
        return [dict(vars(message)) for message in sent], failed

    def _receive(self) -> Any:
        limit, visibility = self._random.choice([1, 2, 10]), self._random.choice([0, 2, 5])
        found = self._backend.receive_message(self._queue(), limit, 0, visibility)
        self._receipts += [message.receipt_handle for message in found if message.receipt_handle]
        return [dict(vars(message)) for message in found]

    def _delete(self) -> Any:
        receipts = [self._random.choice(self._receipts) for _ in range(self._random.choice([1, 3]))]
        entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(receipts)]
        return self._backend.delete_message_batch(self._queue(), entries)

    def _show(self) -> Any:
        found = self._backend.get_queue_attributes(self._queue(), self._random.choice(ATTRIBUTE_NAMES))
        return [(name, value) for name, value in found.items() if not name.endswith("Timestamp")]


def outcomes(seed: int, way: AbstractContextManager[None]) -> list[Any]:
    with way:
        steps = QueueSteps(seed)
        with using_clock_of(steps):
            return list(steps.outcomes())


@contextmanager
def using_clock_of(steps: QueueSteps) -> Iterator[None]:
    with (
        patch.object(models, "unix_time_millis", lambda *_: steps.now),
        patch.object(models, "unix_time", lambda *_: steps.now / 1000),
    ):
        yield


@pytest.mark.parametrize("seed", range(SEEDS))
def test_all_answers_equal_motos(seed: int) -> None:
    by_moto, by_short_ways = outcomes(seed, nullcontext()), outcomes(seed, fast_paths.replacing_moto())
    for number, (expected, actual) in enumerate(zip(by_moto, by_short_ways, strict=True)):
        assert actual == expected, number


def test_calls_that_need_no_count_do_not_count() -> None:
    with fast_paths.replacing_moto():
        backend = SQSBackend("us-east-1", "123456789012")
        backend.create_queue("q", None)
        with patch.object(Queue, "approximate_number_of_messages", PropertyMock(side_effect=AssertionError)):
            backend.send_message("q", "x", delay_seconds=0)
            [message] = backend.receive_message("q", 1, 0, 5)
            assert isinstance(message, Message) and message.receipt_handle
            backend.delete_message("q", message.receipt_handle)
        assert backend.get_queue_attributes("q", ["All"])["ApproximateNumberOfMessages"] == 0
