"""The pump's threads: writes wake them, failures do not stop them, and `stop` ends them."""

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


class CountingSource:
    """A source with this many jobs, which counts the reads."""

    concurrency = 2
    has_more = True
    pace = 0.0

    def __init__(self, name: str, job: Job) -> None:
        self.name, self._job = name, job
        self.jobs_left = 0
        self.reads = 0

    def take(self) -> Job | None:
        self.reads += 1
        if self.jobs_left == 0:
            return None
        self.jobs_left -= 1
        return self._job

    def wait_seconds(self) -> float:
        return 3600


@contextmanager
def running(pump: Pump) -> Iterator[None]:
    pump.start()
    try:
        yield
    finally:
        pump.stop()


def make_sender(queue: str) -> Callable[[str], Any]:
    client = boto3.client("sqs")
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    return lambda body: client.send_message(QueueUrl=url, MessageBody=body)


def test_messages_start_functions_at_once_and_in_parallel(names: dict[str, str]) -> None:
    both = threading.Barrier(3)

    def meet(event: Any) -> None:
        both.wait(PATIENCE)

    source = QueueSource(names["deliver_queue"], 1, 2, meet)
    source.wait_seconds = lambda: 3600  # type: ignore[method-assign]
    with running(Pump([source])):
        send = make_sender(names["deliver_queue"])
        send("one")
        send("two")
        both.wait(PATIENCE)
    assert not both.broken


def test_jobs_continue_after_one_that_raises() -> None:
    runs = threading.Semaphore(0)

    def fail() -> None:
        runs.release()
        raise RuntimeError("fails always")

    source = CountingSource("bell", fail)
    source.jobs_left = 3
    with running(Pump([source])):
        assert all(runs.acquire(timeout=PATIENCE) for _ in range(3))


def test_a_queue_whose_batch_was_not_full_has_no_more(names: dict[str, str]) -> None:
    source = QueueSource(names["deliver_queue"], 2, 1, lambda _: None)
    send = make_sender(names["deliver_queue"])
    for number in range(3):
        send(str(number))
    has_more = []
    for _ in range(2):
        assert source.take() is not None
        has_more.append(source.has_more)
    assert has_more == [True, False]


def test_after_the_last_job_the_next_write_starts_a_read() -> None:
    runs = threading.Semaphore(0)
    source = CountingSource("bell", runs.release)
    source.has_more = False
    source.jobs_left = 2
    with running(Pump([source])):
        assert all(runs.acquire(timeout=PATIENCE) for _ in range(2))
        source.jobs_left = 1
        write_signals.signal_write("PutItem", "to the bell")
        assert runs.acquire(timeout=PATIENCE)


def test_a_source_is_read_no_more_often_than_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = list[float]()
    monkeypatch.setattr(pump, "time", SimpleNamespace(sleep=pauses.append, monotonic=lambda: 100.0))
    runs = threading.Semaphore(0)
    source = CountingSource("bell", runs.release)
    source.jobs_left, source.pace = 2, 0.25
    with running(Pump([source])):
        assert all(runs.acquire(timeout=PATIENCE) for _ in range(2))
    assert pauses[:2] == [0.0, 0.25]


def test_stopping_ends_the_threads() -> None:
    before = set(threading.enumerate())
    source = CountingSource("bell", lambda: None)
    with running(Pump([source])):
        assert any(thread.name == "watch bell" for thread in threading.enumerate())
    assert {thread for thread in threading.enumerate() if thread.name == "watch bell"} <= before


def test_draining_ends_when_no_source_has_a_job() -> None:
    first = CountingSource("first", lambda: None)
    second = CountingSource("second", lambda: setattr(first, "jobs_left", 1 if second.jobs_left else 0))
    second.jobs_left = 3
    Pump([first, second]).drain()
    assert (first.jobs_left, second.jobs_left) == (0, 0)
