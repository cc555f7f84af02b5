"""Attempts and frames: each attempt runs once, each report is repeated until it is confirmed, and a cancel ends at
once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from code_worker.errors import TaskFailed
from code_worker.worker import GIVEN_UP, KEPT_REPORTS, Frame, Worker

Chunk = Callable[[str, int], None]
Progress = Callable[[int], None]
TASK = {"type": "task", "task_id": "t", "attempt": 1, "lease": 5, "data": {"n": 1}, "deadline": 7}
ABOUT = {"task_id": "t", "attempt": 1, "lease": 5}
CANCEL = {"type": "cancel", "task_id": "t", "attempt": 1}
ACCEPTED = {"type": "accepted", "task_id": "t", "attempt": 1}


class Performer:
    """Does what the test says, and counts the attempts that it began and that were cancelled."""

    def __init__(self, work: Callable[[Chunk, Progress], Awaitable[dict[str, Any]]]) -> None:
        self._work = work
        self.begun: list[Any] = []
        self.cancelled = 0

    async def perform(self, data: Any, deadline_ms: int | None, chunk: Chunk, progress: Progress) -> dict[str, Any]:
        self.begun.append((data, deadline_ms))
        try:
            return await self._work(chunk, progress)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def quick(chunk: Chunk, progress: Progress) -> dict[str, Any]:
    chunk("a", 10)
    chunk("b", 20)
    progress(85)
    return {"code": "ab"}


async def endless(chunk: Chunk, progress: Progress) -> dict[str, Any]:
    chunk("a", 10)
    await asyncio.Event().wait()
    raise AssertionError


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def play(performer: Performer, *steps: Frame | str) -> list[Frame]:
    """The frames that the worker sends after these frames. `connected` is a new connection, `drain` its end."""
    sent: list[Frame] = []

    async def run() -> None:
        worker = Worker(performer, sent.append)
        for step in steps:
            if step == "connected":
                worker.connected()
            elif step == "drain":
                await worker.drain(0.01)
            elif isinstance(step, dict):
                worker.handle(step)
            await settle()
        await worker.stop()

    asyncio.run(run())
    return sent


RESULT = {"type": "result", **ABOUT, "result": {"code": "ab"}}


def test_a_task_is_performed_and_reported() -> None:
    performer = Performer(quick)
    assert play(performer, TASK) == [
        {"type": "chunk", **ABOUT, "seq": 1, "text": "a", "progress": 10},
        {"type": "chunk", **ABOUT, "seq": 2, "text": "b", "progress": 20},
        {"type": "progress", **ABOUT, "progress": 85},
        RESULT,
    ]
    assert performer.begun == [({"n": 1}, 7)]


def test_a_ping_is_answered_and_unknown_frames_are_ignored() -> None:
    frames: list[Frame] = [{"type": "ping"}, {"type": "news"}, {"type": ["x"]}, {"type": "task"}, {"type": "drain"}]
    assert play(Performer(quick), *frames) == [{"type": "pong"}]


def test_a_task_that_comes_twice_is_performed_once() -> None:
    performer = Performer(endless)
    assert len(play(performer, TASK, TASK)) == 1
    assert len(performer.begun) == 1


def test_a_finished_task_that_comes_again_gets_the_same_report_with_the_latest_lease() -> None:
    performer = Performer(quick)
    sent = play(performer, TASK, ACCEPTED, TASK | {"lease": 6})
    assert sent[-1] == RESULT | {"lease": 6}
    assert len(performer.begun) == 1


def test_an_older_attempt_is_ignored_and_a_newer_one_replaces_it() -> None:
    performer = Performer(endless)
    play(performer, TASK | {"attempt": 2}, TASK, TASK | {"attempt": 3})
    assert (len(performer.begun), performer.cancelled) == (2, 2)


def test_what_may_be_lost_is_sent_again_over_a_new_connection() -> None:
    sent = play(Performer(quick), TASK, "connected", ACCEPTED, "connected")
    assert sent.count(RESULT) == 2
    sent = play(Performer(endless), TASK, TASK | {"lease": 6}, "connected")
    assert [frame["lease"] for frame in sent] == [5, 6] and sent[0] | {"lease": 6} == sent[1]


@pytest.mark.parametrize("frame", [CANCEL, {"type": "rejected", "reason": "lease_lost", "task_id": "t", "attempt": 1}])
def test_a_cancelled_task_ends_at_once_and_reports_nothing(frame: Frame) -> None:
    performer = Performer(endless)
    sent = play(performer, TASK, frame, "connected")
    assert performer.cancelled == 1
    assert [each["type"] for each in sent] == ["chunk"]


def test_a_refused_chunk_that_is_a_conflict_ends_nothing() -> None:
    performer = Performer(endless)
    play(performer, TASK, {"type": "rejected", "reason": "conflict", "task_id": "t", "attempt": 1}, "connected")
    assert performer.begun and performer.cancelled == 1  # by the end of the test


def test_a_cancelled_attempt_is_begun_again_only_under_a_new_lease() -> None:
    performer = Performer(endless)
    sent = play(performer, TASK, CANCEL, TASK)
    assert (len(performer.begun), sent[-1]["error"]) == (1, GIVEN_UP)
    performer = Performer(endless)
    play(performer, TASK, CANCEL, TASK | {"lease": 6})
    assert len(performer.begun) == 2


@pytest.mark.parametrize(
    "error, report",
    [
        (TaskFailed("no"), {"error": "no", "retryable": True}),
        (TaskFailed("never", retryable=False), {"error": "never", "retryable": False}),
        (TaskFailed("slow", timed_out=True), {"error": "slow", "retryable": True, "timed_out": True}),
        (TaskFailed("later", retry_after=2.1), {"error": "later", "retryable": True, "retry_after": 3}),
        (TaskFailed("later", retry_after=1e9), {"error": "later", "retryable": True, "retry_after": 86_400}),
        (KeyError("a secret"), {"error": "The worker has an error of its own", "retryable": True}),
    ],
)
def test_a_failure_is_reported(error: Exception, report: Frame) -> None:
    async def fail(chunk: Chunk, progress: Progress) -> dict[str, Any]:
        raise error

    assert play(Performer(fail), TASK) == [{"type": "error", **ABOUT, **report}]


def test_a_result_that_is_refused_as_invalid_becomes_a_failure() -> None:
    refused = {"type": "error", "error": {"code": "INVALID_INPUT"}, "task_id": "t", "attempt": 1}
    sent = play(Performer(quick), TASK, refused, refused)
    assert sent[-1] == {"type": "error", **ABOUT, "error": "Yardmaster refused the result", "retryable": False}
    assert len(sent) == 5


def test_a_worker_that_leaves_takes_nothing_new_and_finishes_what_it_has() -> None:
    performer = Performer(quick)
    leaving = {"type": "pong", "status": "unhealthy"}
    sent = play(performer, TASK, ACCEPTED, "drain", TASK | {"task_id": "u"}, {"type": "ping"}, "connected")
    assert sent[-3:] == [leaving] * 3
    assert len(performer.begun) == 1


def test_what_is_not_finished_when_the_worker_leaves_is_ended() -> None:
    performer = Performer(endless)
    play(performer, TASK, "drain")
    assert performer.cancelled == 1


def test_old_reports_are_forgotten() -> None:
    tasks = [TASK | {"task_id": f"t{number}"} for number in range(KEPT_REPORTS + 10)]
    accepted = [ACCEPTED | {"task_id": task["task_id"]} for task in tasks]
    worker = Worker(Performer(quick), lambda frame: None)

    async def run() -> None:
        for task, answer in zip(tasks, accepted, strict=True):
            worker.handle(task)
            await settle()
            worker.handle(answer)

    asyncio.run(run())
    assert len(worker._reports) <= KEPT_REPORTS + 1 and len(worker._latest) <= KEPT_REPORTS + 1
