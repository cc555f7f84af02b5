"""Stored pieces of a task's output: each once, only from the holder, within limits."""

from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.chunks.chunk import MAX_OUTPUT_CHARS, MAX_TEXT_CHARS, Chunk, OutputState
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.chunks import chunks
from chalicelib.engine.tasks import lifecycle
from chalicelib.errors import InvalidRequest, LeaseLost, NotFound, YardmasterError
from chalicelib.storage.chunks import chunks as storage
from chalicelib.storage.chunks.chunks import ChunkItem
from tests.engine.helpers import complete, hand_over_task, holder, pull, run_together
from tests.support import aws
from tests.support.world import ORG, POOL, World


def append(task: Task, seq: int, text: str = "x", progress: float | None = None, by: Holder | None = None) -> None:
    chunks.append(task.org, task.pool, task.id, by or holder(task), Chunk(seq, text, progress))


def texts(task: Task) -> list[str]:
    return [chunk.text for chunk in storage.list_after(task.id, task.epoch, 0)]


@pytest.fixture
def task(world: World) -> Task:
    pull(world, max_concurrent=2)
    return hand_over_task(world)


def test_chunks_are_kept_in_order_in_whatever_order_they_come(task: Task) -> None:
    for seq in (2, 1, 3):
        append(task, seq, f"<{seq}>", progress=seq * 10)
    assert texts(task) == ["<1>", "<2>", "<3>"]
    assert storage.find_state(task.id, task.epoch) == OutputState(9, 30)


def test_a_number_that_is_known_changes_nothing(task: Task) -> None:
    append(task, 1, "first", 10)
    append(task, 1, "second", 50)
    assert texts(task) == ["first"]
    assert storage.find_state(task.id, task.epoch) == OutputState(5, 10)


def test_of_two_at_once_with_one_number_one_is_kept(task: Task) -> None:
    outcomes = run_together([lambda text=text: append(task, 1, text) for text in "abcd"])  # type: ignore[misc]
    assert outcomes == [None] * 4
    assert len(texts(task)) == 1
    assert storage.find_state(task.id, task.epoch).chars == 1


def test_progress_never_falls(task: Task) -> None:
    for seq, progress in enumerate((10, 40.5, 30, None, 1e-200, 40.5, 41), 1):
        append(task, seq, progress=progress)
    assert storage.find_state(task.id, task.epoch).progress == 41
    assert [chunk.progress for chunk in storage.list_after(task.id, 1, 0)] == [10, 40.5, 30, 0, 0, 40.5, 41]


@pytest.mark.parametrize("names", [{"epoch": 1}, {"attempt": 1}, {"epoch": 1, "attempt": 1}])
def test_the_holder_names_its_lease_or_its_attempt(task: Task, names: Any) -> None:
    assert task.worker_id is not None
    append(task, 1, by=Holder(task.worker_id, **names))
    assert texts(task) == ["x"]


def require_refused(task: Task, by: Holder, error: type[YardmasterError] = LeaseLost) -> None:
    before = aws.items(ChunkItem)
    with pytest.raises(error):
        append(task, 1, by=by)
    assert len(aws.items(ChunkItem)) == len(before)


@pytest.mark.parametrize("names", [{"epoch": 2}, {"attempt": 2}, {"epoch": 1, "attempt": 2}])
def test_another_lease_is_refused(task: Task, names: Any) -> None:
    require_refused(task, Holder(str(task.worker_id), **names))
    require_refused(task, Holder("another", epoch=1))


def test_another_orgs_and_another_pools_task_is_not_found(task: Task) -> None:
    for org, pool, task_id in (("umbra", POOL, task.id), (ORG, "other", task.id), (ORG, POOL, "nowhere")):
        for by in (holder(task), Holder(str(task.worker_id), attempt=1)):
            with pytest.raises(NotFound):
                chunks.append(org, pool, task_id, by, Chunk(1, "x"))
    assert texts(task) == []


def test_a_lease_that_has_ended_is_refused(world: World, task: Task) -> None:
    append(task, 1, "old")
    lifecycle.fail(ORG, task.id, holder(task), Failure(Reason.WORKER_FAILED, "no"))
    require_refused(task, holder(task))
    world.advance(60)
    again = world.task(task.id)
    assert again.epoch == 2
    append(again, 1, "new")
    require_refused(task, holder(task))
    require_refused(task, Holder(str(task.worker_id), attempt=1))
    assert (texts(task), texts(again)) == (["old"], ["new"]), "attempts are not mixed"
    complete(again, "new")
    require_refused(again, holder(again))


def test_a_chunk_of_a_lease_that_ends_meanwhile_is_refused_or_was_stored_before(world: World, task: Task) -> None:
    ended, stored = run_together([lambda: complete(task, "x"), lambda: append(task, 1)])
    assert ended is None
    assert isinstance(stored, LeaseLost) is (texts(task) == [])


def test_an_output_has_an_end(task: Task) -> None:
    most = MAX_OUTPUT_CHARS // MAX_TEXT_CHARS
    for seq in range(1, most + 1):
        append(task, seq, "x" * MAX_TEXT_CHARS, progress=1)
    for progress in (None, 0, 50):
        with pytest.raises(InvalidRequest, match="at most 400000 characters") as caught:
            append(task, most + 1, progress=progress)
        assert "text" in caught.value.fields
    append(task, most, "known")
    assert len(texts(task)) == most


def test_chunks_cost_one_call_each_and_expire(world: World, task: Task) -> None:
    by_attempt = Holder(str(task.worker_id), attempt=1)
    for by, progress, calls in (
        (holder(task), 10, 1),
        (holder(task), None, 1),
        (holder(task), 5, 2),
        (by_attempt, 50, 2),
    ):
        with aws.counting() as counted:
            append(task, calls * 10 + int(progress or 0), progress=progress, by=by)
        assert counted.total() == calls
    day_s = clock.DAY // clock.SECOND
    days_left = {
        item.seq == 0: (item.expires_at_s - world.clock.now() // clock.SECOND) / day_s for item in aws.items(ChunkItem)
    }
    assert days_left == {False: 1, True: 31}, "the attempt's own row has the progress for as long as its task is there"


def test_a_chunk_changes_nothing_that_the_relay_sees(world: World, task: Task) -> None:
    world.settle()
    append(task, 1, progress=50)
    assert world.list_unfinished() == []
    assert world.task(task.id) == task
