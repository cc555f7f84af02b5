"""A task's output as a stream, read while the task runs and afterwards."""

from collections.abc import Iterator

import pytest

from chalicelib.domain.chunks.chunk import Chunk, Position
from chalicelib.domain.chunks.output_events import EventKind
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.chunks import chunks, output_stream
from chalicelib.engine.chunks.output_stream import Followed
from chalicelib.engine.tasks import lifecycle
from tests.engine.helpers import complete, hand_over_task, holder, pull
from tests.support import aws
from tests.support.world import ORG, World


def append(task: Task, seq: int, text: str) -> None:
    chunks.append(task.org, task.pool, task.id, holder(task), Chunk(seq, text, seq))


def result_of(task: Task) -> str | None:
    return lifecycle.load_result(task) if task.status is Status.COMPLETED else None


def follow(world: World, task: Task, after: Position | None = None) -> Iterator[Followed | None] | None:
    return output_stream.follow(world.task(task.id), after, result_of)


def read_events(followed: Iterator[Followed | None] | None) -> list[str]:
    """The events until there are no new ones, or until the end."""
    lines = []
    assert followed is not None
    for item in followed:
        if item is None:
            break
        lines.append(f"{item.event.position} {item.event.kind} {item.event.text}".strip())
    return lines


@pytest.fixture
def task(world: World) -> Task:
    pull(world)
    return hand_over_task(world, max_attempts=3)


def fail(world: World, task: Task) -> None:
    lifecycle.fail(ORG, task.id, holder(task), Failure(Reason.WORKER_FAILED, "no"))
    world.settle()


def test_chunks_are_shown_as_they_come(world: World, task: Task) -> None:
    live = follow(world, task)
    append(task, 1, "a")
    append(task, 3, "c")
    assert read_events(live) == ["1-0 start", "1-1 chunk a"]
    assert read_events(live) == []
    append(task, 2, "b")
    assert read_events(live) == ["1-2 chunk b", "1-3 chunk c"]
    complete(task, "abcd")
    assert read_events(live) == ["1-4 chunk d", "1-5 end"]


def test_a_waiting_task_has_no_events_until_a_worker_has_it(world: World) -> None:
    task = world.submit()
    live = follow(world, task)
    assert read_events(live) == []
    pull(world)
    world.settle()
    append(world.task(task.id), 1, "a")
    assert read_events(live) == ["1-0 start", "1-1 chunk a"]


def test_another_attempt_begins_again(world: World, task: Task) -> None:
    live = follow(world, task)
    append(task, 1, "old")
    assert read_events(live) == ["1-0 start", "1-1 chunk old"]
    fail(world, task)
    assert read_events(live) == []
    world.advance(60)
    again = world.task(task.id)
    append(again, 1, "new")
    assert read_events(live) == ["2-0 start", "2-1 chunk new"]
    complete(again, "new")
    for position in (None, Position(1, 1), Position(1, 0), Position(2, 0)):
        seen = ["2-0 start", "2-1 chunk new", "2-2 end"]
        assert read_events(follow(world, task, position)) == seen[1 if position == Position(2, 0) else 0 :]


def test_a_reader_that_sleeps_through_an_attempt_is_shown_the_last_one(world: World, task: Task) -> None:
    live = follow(world, task)
    append(task, 1, "old")
    assert read_events(live) == ["1-0 start", "1-1 chunk old"]
    fail(world, task)
    world.advance(60)
    again = world.task(task.id)
    append(again, 1, "new")
    complete(again, "new")
    assert read_events(live) == ["2-0 start", "2-1 chunk new", "2-2 end"]


def test_a_reader_goes_on_where_it_stopped_while_the_task_runs(world: World, task: Task) -> None:
    append(task, 1, "a")
    append(task, 2, "b")
    live = follow(world, task, Position(1, 1))
    assert read_events(live) == ["1-2 chunk b"]
    complete(task, "abc")
    assert read_events(live) == ["1-3 chunk c", "1-4 end"]


def test_an_ended_task_is_shown_again_and_who_has_all_of_it_gets_nothing(world: World, task: Task) -> None:
    append(task, 1, "a")
    complete(task, "ab")
    assert read_events(follow(world, task)) == ["1-0 start", "1-1 chunk a", "1-2 chunk b", "1-3 end"]
    assert read_events(follow(world, task, Position(1, 2))) == ["1-3 end"]
    assert follow(world, task, Position(1, 3)) is None
    assert len(read_events(follow(world, task, Position(1, 4)))) == 4, "who has what is not known gets everything"


def test_a_result_that_does_not_begin_with_the_chunks_follows_whole(world: World, task: Task) -> None:
    append(task, 1, "```py\n")
    complete(task, "code")
    assert read_events(follow(world, task)) == [
        "1-0 start",
        "1-1 chunk ```py",
        "1-2 start",
        "1-3 chunk code",
        "1-4 end",
    ]


def test_a_reader_whose_chunks_have_expired_gets_the_result(world: World, task: Task) -> None:
    live = follow(world, task, Position(1, 7))
    assert read_events(live) == []
    complete(task, "code")
    assert read_events(live) == ["1-0 start", "1-1 chunk code", "1-2 end"]


def test_a_failed_and_a_cancelled_task_end(world: World, task: Task) -> None:
    append(task, 1, "a")
    lifecycle.cancel(ORG, task.id)
    assert read_events(follow(world, task)) == ["1-0 start", "1-1 chunk a", "1-2 end"]
    never = world.submit()
    lifecycle.cancel(ORG, never.id)
    assert read_events(follow(world, never)) == ["0-0 start", "0-1 end"]


def test_a_task_that_is_deleted_meanwhile_ends_the_stream(world: World, task: Task) -> None:
    live = follow(world, task)
    read_events(live)
    assert live is not None
    assert next(live) is None
    aws._client("dynamodb").delete_item(TableName="yardmaster-tasks", Key={"id": {"S": task.id}})
    assert list(live) == []


def test_progress_is_the_highest_of_the_chunks_and_the_reports(world: World, task: Task) -> None:
    assert output_stream.progress(world.task(task.id)) == 0
    append(task, 40, "a")
    assert output_stream.progress(world.task(task.id)) == 40
    lifecycle.report_progress(ORG, task.id, holder(task), 60)
    assert output_stream.progress(world.task(task.id)) == 60
    complete(task, "a")
    assert output_stream.progress(world.task(task.id)) == 100


def test_progress_in_the_stream_does_not_fall(world: World, task: Task) -> None:
    for seq, percent in ((1, 50), (2, 20), (3, None)):
        chunks.append(ORG, task.pool, task.id, holder(task), Chunk(seq, "x", percent))
    live = follow(world, task)
    assert live is not None
    assert [one.event.progress for one in (next(live), next(live), next(live), next(live)) if one][1:] == [50, 50, 50]


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (100, 1), (250, 3), (1_000, 9)])
def test_an_ended_task_costs_a_call_for_each_hundred_chunks(world: World, task: Task, count: int, calls: int) -> None:
    for seq in range(1, count + 1):
        append(task, seq, "x")
    complete(task, "x" * count)
    ended = world.task(task.id)
    with aws.counting() as counted:
        events = list(output_stream.follow(ended, None, result_of) or ())
    assert counted.total() == calls <= 1 + count // 100
    assert len([one for one in events if one and one.event.kind is EventKind.CHUNK]) == count
