"""The pump's threads, with real events: hooks wake it, failures do not stop it, stopping stops it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from infra.local.lambdas import pump
from infra.local.lambdas.pump import Pump
from infra.local.lambdas.sources import Job, QueueSource
from infra.local.moto import write_signals

PATIENCE = 5


class Bell:
    """A source with a job for each ring."""

    concurrency = 2
    has_more = True
    pace = 0.0

    def __init__(self, name: str, job: Job) -> None:
        self.name, self._job = name, job
        self.rings = 0
        self.looks = 0

    def take(self) -> Job | None:
        self.looks += 1
        if self.rings == 0:
            return None
        self.rings -= 1
        return self._job

    def patience(self) -> float:
        return 3600


@contextmanager
def running(pump: Pump) -> Iterator[None]:
    pump.start()
    try:
        yield
    finally:
        pump.stop()


def sent(queue: str) -> Callable[[str], Any]:
    client = boto3.client("sqs")
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    return lambda body: client.send_message(QueueUrl=url, MessageBody=body)


def test_a_message_starts_its_function_at_once_and_side_by_side(names: dict[str, str]) -> None:
    both = threading.Barrier(3)

    def meet(event: Any) -> None:
        both.wait(PATIENCE)

    source = QueueSource(names["deliver_queue"], 1, 2, meet)
    source.patience = lambda: 3600  # type: ignore[method-assign]
    with running(Pump([source])):
        send = sent(names["deliver_queue"])
        send("one")
        send("two")
        both.wait(PATIENCE)
    assert not both.broken


def test_a_job_that_raises_is_not_the_end() -> None:
    done = threading.Semaphore(0)

    def fail() -> None:
        done.release()
        raise RuntimeError("told to")

    bell = Bell("bell", fail)
    bell.rings = 3
    with running(Pump([bell])):
        assert all(done.acquire(timeout=PATIENCE) for _ in range(3))


def test_a_queue_whose_batch_was_not_full_is_not_asked_again_at_once(names: dict[str, str]) -> None:
    source = QueueSource(names["deliver_queue"], 2, 1, lambda _: None)
    send = sent(names["deliver_queue"])
    for number in range(3):
        send(str(number))
    left = []
    for _ in range(2):
        assert source.take() is not None
        left.append(source.has_more)
    assert left == [True, False]


def test_after_a_batch_that_was_not_full_the_next_write_is_heard() -> None:
    done = threading.Semaphore(0)
    bell = Bell("bell", done.release)
    bell.has_more = False
    bell.rings = 2
    with running(Pump([bell])):
        assert all(done.acquire(timeout=PATIENCE) for _ in range(2))
        bell.rings = 1
        write_signals.tell("PutItem", "to the bell")
        assert done.acquire(timeout=PATIENCE)


def test_a_source_is_looked_at_no_more_often_than_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    rested = list[float]()
    monkeypatch.setattr(pump, "time", SimpleNamespace(sleep=rested.append, monotonic=lambda: 100.0))
    done = threading.Semaphore(0)
    bell = Bell("bell", done.release)
    bell.rings, bell.pace = 2, 0.25
    with running(Pump([bell])):
        assert all(done.acquire(timeout=PATIENCE) for _ in range(2))
    assert rested[:2] == [0.0, 0.25]


def test_stopping_ends_the_threads() -> None:
    before = set(threading.enumerate())
    bell = Bell("bell", lambda: None)
    with running(Pump([bell])):
        assert any(thread.name == "watch bell" for thread in threading.enumerate())
    assert {thread for thread in threading.enumerate() if thread.name == "watch bell"} <= before


def test_draining_goes_on_until_nothing_follows_from_anything() -> None:
    first = Bell("first", lambda: None)
    second = Bell("second", lambda: setattr(first, "rings", 1 if second.rings else 0))
    second.rings = 3
    Pump([first, second]).drain()
    assert (first.rings, second.rings) == (0, 0)
