"""Lists of tasks: pages, filters, cursors, totals, and their number of calls."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.config import settings
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.tasks import lifecycle, listing
from chalicelib.engine.tasks.listing import Filter, Page
from chalicelib.errors import InvalidRequest
from chalicelib.storage.tasks.table import TaskItem, large_values, task_values
from tests.domain import samples
from tests.engine.helpers import complete, hand_over_task, holder, pull
from tests.support import aws
from tests.support.world import ORG, POOL, START, World

ALL = Filter()
FINAL = Failure(Reason.WORKER_FAILED, "it broke", retryable=False, is_reported=True)
DAY = 86_400


def filter_of(*statuses: Status, worker: str | None = None) -> Filter:
    return Filter(frozenset(statuses) or None, worker)


def page(wanted: Filter = ALL, limit: int = 10, cursor: str | None = None, pool: str = POOL) -> Page:
    return listing.read_page(ORG, pool, wanted, limit, cursor)


def pages(wanted: Filter = ALL, limit: int = 10) -> Iterator[Page]:
    current = page(wanted, limit)
    yield current
    while current.cursor is not None:
        current = page(wanted, limit, current.cursor)
        yield current


def ids(found: Page) -> list[str]:
    return [task.id for task in found.tasks]


def list_all(wanted: Filter = ALL, limit: int = 10) -> list[str]:
    """The tasks of all pages, in order."""
    return [name for found in pages(wanted, limit) for name in ids(found)]


def submit_tasks(world: World, count: int, **fields: object) -> list[str]:
    """Submit tasks a second apart, and return their ids, youngest first."""
    task_ids = []
    for _ in range(count):
        task_ids.append(world.submit(manual=True, **fields).id)
        world.clock.advance(1)
    return task_ids[::-1]


# Pages


@pytest.mark.parametrize("limit", [1, 3, 7, 8])
def test_pages_show_each_task_once_youngest_first(world: World, limit: int) -> None:
    made = submit_tasks(world, 7)
    world.settle()
    assert list_all(limit=limit) == made
    assert [len(found.tasks) for found in pages(limit=7)] == [7], "no empty page after a full one"
    assert {found.total for found in pages(limit=limit)} == {7}


def test_tasks_of_one_instant_are_all_shown(world: World) -> None:
    made = {world.submit(manual=True).id for _ in range(7)}
    found = list_all(limit=2)
    assert (set(found), len(found)) == (made, 7)


def test_a_task_that_comes_or_changes_meanwhile_disturbs_no_later_page(world: World) -> None:
    task_ids = submit_tasks(world, 6)
    first = page(limit=2)
    submit_tasks(world, 2)
    lifecycle.cancel(ORG, task_ids[3])
    second = page(limit=2, cursor=first.cursor)
    assert ids(first) + ids(second) + ids(page(limit=2, cursor=second.cursor)) == task_ids


def test_a_list_of_nothing(world: World) -> None:
    for wanted in (
        ALL,
        filter_of(Status.PENDING),
        filter_of(Status.LEASED),
        filter_of(worker="none"),
        filter_of(Status.PENDING, worker="none"),
    ):
        assert page(wanted) == Page([], 0, None)


def test_a_row_is_the_task_as_far_as_lists_show_it(world: World) -> None:
    pull(world)
    task = hand_over_task(world, payload={"n": 1.5}, metadata={"m": "é"}, name="called so", label="voice")
    complete(task, {"text": "short"})
    [row] = page().tasks
    whole = world.task(task.id)
    for name in ("status", "name", "payload", "metadata", "result", "worker_id", "finished_at", "label", "attempts"):
        assert getattr(row, name) == getattr(whole, name), name


def test_long_payloads_and_results_are_whole_in_a_list_at_one_call_more(world: World) -> None:
    long, worker = {"text": "é" * 5_000}, pull(world, max_concurrent=9)
    first, second, short = hand_over_task(world, payload=long), hand_over_task(world), hand_over_task(world)
    complete(second, long)
    with aws.counting() as calls:
        found = {task.id: task for task in page().tasks}
    assert calls == {("DynamoDB", "Query"): 1, ("DynamoDB", "BatchGetItem"): 1}
    assert (found[first.id].payload, found[second.id].result, found[short.id].payload) == (long, long, None)
    assert {task.id: task.payload for task in page(filter_of(worker=worker.id)).tasks}[first.id] == long


def test_a_page_ends_early_rather_than_grow_too_large(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_PAGE_CHARS", 20_000)
    made = submit_tasks(world, 5, payload={"text": "x" * 9_000})
    assert [len(found.tasks) for found in pages()] == [2, 2, 1]
    assert list_all() == made
    monkeypatch.setattr(listing, "MAX_PAGE_CHARS", 100)
    assert [len(found.tasks) for found in pages()] == [1] * 5


# Filters


@pytest.fixture
def kinds(world: World) -> dict[Status, list[str]]:
    """Tasks of every status, by status, youngest first."""
    worker = pull(world, max_concurrent=20)
    task_ids: dict[Status, list[str]] = {}
    for status in Status:
        for _ in range(3):
            task = world.submit(manual=True) if status is Status.PENDING else hand_over_task(world, timeout_seconds=DAY)
            _bring(world, task, status)
            task_ids.setdefault(status, []).insert(0, task.id)
            world.clock.advance(1)
    world.settle()
    assert {world.task(name).status for name in task_ids[Status.TIMED_OUT]} == {Status.TIMED_OUT}
    assert world.worker(worker.id).alive
    return task_ids


def _bring(world: World, task: Task, status: Status) -> None:
    if status is Status.RUNNING:
        lifecycle.report_progress(ORG, task.id, None, 5)
    elif status is Status.COMPLETED:
        complete(task)
    elif status is Status.FAILED:
        lifecycle.fail(ORG, task.id, holder(task), FINAL)
    elif status is Status.CANCELLED:
        lifecycle.cancel(ORG, task.id)
    elif status is Status.TIMED_OUT:
        late = lambda old: transitions.timed_out(old, Reason.TOTAL, "late", world.clock.now())  # noqa: E731
        lifecycle.change(ORG, task.id, late)


def test_each_filter_takes_what_it_says_and_counts_it(world: World, kinds: dict[Status, list[str]]) -> None:
    [worker] = world.workers()
    both = (Status.FAILED, Status.TIMED_OUT)
    holds = (Status.LEASED, Status.RUNNING)
    cases: dict[tuple[Status, ...], list[str]] = {(status,): kinds[status] for status in Status if status not in both}
    cases |= {both: kinds[Status.TIMED_OUT] + kinds[Status.FAILED], holds: kinds[Status.RUNNING] + kinds[Status.LEASED]}
    for statuses, wanted in cases.items():
        for limit in (2, 3, 20):
            assert sorted(list_all(filter_of(*statuses), limit)) == sorted(wanted), (statuses, limit)
            assert {found.total for found in pages(filter_of(*statuses), limit)} == {len(wanted)}, (statuses, limit)
            theirs = [] if Status.PENDING in statuses else wanted
            assert sorted(list_all(filter_of(*statuses, worker=worker.id), limit)) == sorted(theirs), (statuses, limit)
            assert {found.total for found in pages(filter_of(*statuses, worker=worker.id), limit)} == {len(theirs)}, (
                statuses
            )
    assert len(list_all()) == page(limit=2).total == 21
    assert len(list_all(filter_of(worker=worker.id))) == page(filter_of(worker=worker.id), limit=2).total == 18


def test_a_worker_s_tasks_come_held_first_then_as_they_ended(world: World, kinds: dict[Status, list[str]]) -> None:
    [worker] = world.workers()
    order = [world.task(name).phase for name in list_all(filter_of(worker=worker.id), 4)]
    assert order == sorted(order, key=["held", "completed", "failed", "cancelled"].index)
    assert list_all(filter_of(Status.COMPLETED, worker=worker.id), 2) == kinds[Status.COMPLETED]


def test_another_worker_s_pool_s_and_tenant_s_tasks_are_not_listed(world: World) -> None:
    first, second = pull(world, "first"), pull(world, "second")
    held_ids = [hand_over_task(world), hand_over_task(world)]
    world.submit(pool="coordinator")
    world.submit(org="other")
    for task in held_ids:
        assert ids(page(filter_of(worker=task.worker_id))) == [task.id]
    assert {task.worker_id for task in held_ids} == {first.id, second.id}
    assert sorted(ids(page())) == sorted(task.id for task in held_ids)
    assert listing.read_page("other", POOL, filter_of(worker=first.id), 10).tasks == []


def test_a_task_that_went_to_another_worker_is_that_one_s(world: World) -> None:
    worker = pull(world)
    task = hand_over_task(world)
    lifecycle.release(ORG, task.id, holder(task))
    assert page(filter_of(worker=worker.id)).tasks == []
    world.settle()
    again = world.task(task.id)
    assert [row.epoch for row in page(filter_of(worker=worker.id)).tasks] == [again.epoch] == [2]


def test_a_task_is_listed_until_its_retention_ends_and_hides_no_other(world: World) -> None:
    task_ids = submit_tasks(world, 6)
    for name in task_ids[1:5]:
        lifecycle.cancel(ORG, name)
    with TaskItem.batch_write() as batch:  # young tasks that waited for long
        for name in (task_ids[0], task_ids[5]):
            task = replace(world.task(name), deadline=START * 2, wake_at=START * 2)
            values = task_values(task) | large_values(task)
            batch.save(TaskItem(**{key: value for key, value in values.items() if value is not None}))
    world.clock.advance(30 * DAY)
    assert list_all(limit=2) == [task_ids[0], task_ids[5]]
    assert page(filter_of(Status.CANCELLED), 2).tasks == []


# Cursors


def test_a_cursor_fits_only_the_list_that_gave_it(world: World) -> None:
    submit_tasks(world, 3)
    cursor = page(limit=1).cursor
    assert cursor is not None
    wrong = ["", "x", cursor[:-2], cursor + "AA", cursor.swapcase(), "é", "A" * 500]
    for text in wrong:
        with pytest.raises(InvalidRequest, match="cursor") as told:
            page(limit=1, cursor=text)
        assert "cursor" in told.value.fields
    for wanted in (filter_of(Status.PENDING), filter_of(worker="w")):
        with pytest.raises(InvalidRequest):
            page(wanted, 1, cursor)
    for org, pool in (("other", POOL), (ORG, "coordinator")):
        with pytest.raises(InvalidRequest):
            listing.read_page(org, pool, ALL, 1, cursor)
    assert len(page(limit=2, cursor=cursor).tasks) == 2, "of another size it may be"


# Cost


def fill(count: int, status: Status) -> None:
    """Write many tasks of one status directly to the table."""
    with TaskItem.batch_write() as batch:
        for number in range(count):
            draft = samples.draft(
                id=f"task_{number}", org=ORG, pool=POOL, created_at=START - number, deadline=2 * START
            )
            task = transitions.ready(replace(draft, manual=True), START)
            if status is not Status.PENDING:
                task = transitions.progressed(transitions.leased(task, "w", START), START)
            values = task_values(task) | large_values(task)
            batch.save(TaskItem(**{name: value for name, value in values.items() if value is not None}))


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING])
def test_a_page_costs_the_same_however_many_tasks_there_are(world: World, status: Status) -> None:
    rare = world.submit(manual=True).id if status is Status.RUNNING else hold_task(world)
    fill(2_000, status)
    cases = {
        ALL: 1,
        filter_of(status): 1,
        filter_of(Status.COMPLETED): 1,
        filter_of(Status.LEASED): 1,
        filter_of(Status.PENDING): 1,
    }
    for wanted, budget in cases.items():
        page(wanted)
        with aws.counting() as calls:
            first_page = page(wanted, 10)
        assert calls.total() == budget, (wanted, dict(calls))
        if first_page.cursor is not None:
            with aws.counting() as calls:
                page(wanted, 10, first_page.cursor)
            assert calls.total() == budget, (wanted, dict(calls))
    others = filter_of(Status.PENDING) if status is Status.RUNNING else filter_of(Status.LEASED)
    assert ids(page(others)) == [rare]


def hold_task(world: World) -> str:
    pull(world)
    return hand_over_task(world).id


def test_a_total_that_is_not_known_costs_one_call_and_is_cached_for_two_seconds(world: World) -> None:
    submit_tasks(world, 3)
    world.settle()
    costs = []
    for _ in range(3):
        with aws.counting() as calls:
            page(limit=1)
        costs.append(calls.total())
        world.clock.advance(1.5)
    assert costs == [2, 1, 2]


def test_a_pool_without_lists_pays_for_none(world: World) -> None:
    pull(world, pool="quiet")
    task = world.submit(pool="quiet")
    world.settle()
    lifecycle.complete(ORG, "quiet", task.id, Holder(world.task(task.id).worker_id or ""), {"ok": True})
    assert world.task(task.id).status is Status.COMPLETED
    entries = [record["dynamodb"]["NewImage"] for record in aws.stream_records(settings().tasks_table)]
    assert len(entries) >= 3
    assert not any({"owner", "age", "shelf"} & entry.keys() for entry in entries)
    assert ["place" in entry for entry in entries] == [entry["status"]["S"] == "pending" for entry in entries]
    with pytest.raises(ValueError, match="quiet have no list"):
        listing.read_page(ORG, "quiet", Filter(), 10)
