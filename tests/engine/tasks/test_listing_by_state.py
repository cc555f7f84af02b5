"""A pool's tasks, newest first, read only from the lists of their states."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import config
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.security import cursors
from chalicelib.engine.tasks import lifecycle, listing_by_state
from chalicelib.engine.tasks.listing_by_state import StateFilter
from chalicelib.errors import InvalidRequest, NotConfigured
from chalicelib.storage.tasks.table import TaskItem
from tests.engine.helpers import complete, hand_over_task, holder, pull
from tests.support import aws
from tests.support.world import ORG, POOL, World

FAILED, TIMED_OUT = frozenset({Status.FAILED}), frozenset({Status.TIMED_OUT})


@pytest.fixture(autouse=True)
def _watched_only(world: World) -> Iterator[None]:
    before = config.replace(listed_pools=frozenset(), watched_pools=frozenset({POOL}))
    yield
    config.restore(before)


def ids(page: listing_by_state.Page) -> list[str]:
    return [task.id for task in page.tasks]


def read_page(limit: int = 20, cursor: str | None = None, org: str = ORG, **wanted: Any) -> listing_by_state.Page:
    return listing_by_state.read_page(org, POOL, StateFilter(**wanted), limit, cursor)


def list_all(limit: int, **wanted: Any) -> list[str]:
    task_ids, cursor = [], None
    while True:
        page = read_page(limit, cursor, **wanted)
        assert len(page.tasks) <= limit
        task_ids += ids(page)
        if (cursor := page.cursor) is None:
            return task_ids


def count_calls(**wanted: Any) -> int:
    with aws.counting() as counted:
        read_page(**wanted)
    return counted.total()


def make_tasks_in_every_state(world: World) -> dict[Status, list[Task]]:
    """Two tasks in each state, in turns by age."""
    pull(world, max_concurrent=50)
    tasks: dict[Status, list[Task]] = {status: [] for status in Status}
    for status in [*Status] * 2:
        world.clock.advance(0.01)
        late = status is Status.TIMED_OUT
        task = hand_over_task(world, type=str(status), **({"timeout_seconds": 1, "max_attempts": 1} if late else {}))
        tasks[status].append(task)
        if status is Status.PENDING:
            lifecycle.release(ORG, task.id, holder(task), rest_until=world.clock.now() + 1)
            world.clock.advance(2)
    for status, found in tasks.items():
        for task in found:
            _bring(world, task, status)
    return tasks


def _bring(world: World, task: Task, status: Status) -> None:
    if status is Status.RUNNING:
        lifecycle.report_progress(ORG, task.id, holder(task), 5)
    elif status is Status.COMPLETED:
        complete(task)
    elif status is Status.FAILED:
        lifecycle.fail(ORG, task.id, holder(task), reported_failure("no", retryable=False))
    elif status is Status.CANCELLED:
        lifecycle.cancel(ORG, task.id)
    elif status is Status.TIMED_OUT:
        lifecycle.apply_due_transition(world.task(task.id))


def test_all_are_listed_newest_first_however_they_are_paged(world: World) -> None:
    make_tasks_in_every_state(world)
    wanted = [task.id for task in sorted(world.tasks(), key=lambda task: (task.created_at, task.id), reverse=True)]
    for limit in (1, 3, 5, 14, 100):
        assert list_all(limit) == wanted


def test_each_filter_finds_exactly_what_it_asks_for(world: World) -> None:
    make_tasks_in_every_state(world)
    for status in Status:
        wanted = {task.id for task in world.tasks() if task.status is status}
        assert set(list_all(1, statuses=frozenset({status}))) == wanted, status
        named = {task.id for task in world.tasks() if task.type == status}
        assert set(list_all(1, type=str(status))) == named
    [worker] = world.workers()
    theirs = {task.id for task in world.tasks() if task.worker_id == worker.id}
    assert set(list_all(2, worker_id=worker.id)) == theirs
    assert list_all(2, worker_id="server_none") == []
    both = StateFilter(FAILED, worker.id, "failed")
    assert len(listing_by_state.read_page(ORG, POOL, both, 20).tasks) == 2


def test_a_page_costs_one_call_a_list_whatever_the_table_holds(world: World) -> None:
    for _ in range(150):
        world.submit()
    assert count_calls() == 6
    assert count_calls(statuses=frozenset({Status.PENDING})) == 1
    assert count_calls(statuses=frozenset({Status.LEASED, Status.RUNNING})) == 2
    assert count_calls(statuses=FAILED) == 1
    assert count_calls(type="none", statuses=frozenset({Status.PENDING})) == 2


def test_a_page_that_looked_at_many_ends_early_and_its_cursor_leads_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_by_state, "MAX_EXAMINED", 10)
    wanted = [world.submit(type="rare").id]
    for _ in range(25):
        world.clock.advance(0.01)
        world.submit()
    first = read_page(type="rare")
    assert (first.tasks, first.cursor is None) == ([], False)
    assert list_all(20, type="rare") == wanted


def test_a_page_of_letters_beyond_ascii_ends_before_an_answer_of_lambda_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runtime writes each as an escape of six: a hundred tasks with metadata and errors were too large."""
    monkeypatch.setattr(listing_by_state, "MAX_PAGE_CHARS", 1_000)
    for _ in range(5):
        world.clock.advance(0.01)
        world.submit(metadata={"note": "字" * 60})
    assert [len(read_page().tasks), len(read_page(limit=1).tasks)] == [2, 1]
    assert len(set(list_all(20))) == len(list_all(20)) == 5


def test_a_task_that_moves_on_meanwhile_is_shown_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pull(world)
    task = hand_over_task(world)
    seen = listing_by_state.listing.iterate_state

    def iterate_and_complete(org: str, pool: str, status: Status, after: str | None, size: int) -> Any:
        rows = list(seen(org, pool, status, after, size))
        if status is Status.LEASED:
            complete(task)
        return iter(rows)

    monkeypatch.setattr(listing_by_state.listing, "iterate_state", iterate_and_complete)
    assert ids(read_page()) == [task.id]


def test_long_payloads_and_results_are_left_out_and_cost_nothing(world: World) -> None:
    pull(world)
    task = hand_over_task(world, payload={"text": "x" * 50_000})
    complete(task, {"text": "y" * 50_000})
    [row] = read_page().tasks
    assert (row.id, row.status, row.payload, row.result) == (task.id, Status.COMPLETED, None, None)
    assert count_calls(statuses=frozenset({Status.COMPLETED})) == 1


def test_another_tenant_sees_nothing_and_a_cursor_is_its_lists_own(world: World) -> None:
    for _ in range(3):
        world.submit()
    assert read_page(org="other").tasks == []
    cursor = read_page(limit=1).cursor
    assert cursor is not None
    for wanted in ({"org": "other"}, {"type": "t"}, {"worker_id": "w"}, {"statuses": FAILED}):
        with pytest.raises(InvalidRequest, match="cursor"):
            read_page(cursor=cursor, **wanted)
    with pytest.raises(InvalidRequest, match="cursor"):
        read_page(cursor=cursors.seal("9", ORG))


def test_only_what_is_watched_is_written_for_it(world: World) -> None:
    task = world.submit()
    item = TaskItem.get(task.id)
    assert (item.shelf, item.owner) == (f"{ORG}#{POOL}#pending", None), "one index, not two"
    config.replace(watched_pools=frozenset())
    item = TaskItem.get(world.submit().id)
    assert (item.shelf, item.age, item.owner) == (None, None, None)
    with pytest.raises(NotConfigured, match="WATCHED_POOLS"):
        read_page()
