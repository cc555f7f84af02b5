"""Lists of tasks, page by page: of a pool, of a phase, of a worker; and where a task stands in its queue."""

from collections.abc import Iterator
from typing import NamedTuple

from pynamodb.expressions.condition import Condition

from chalicelib import clock
from chalicelib.domain.tasks.task import Phase, Status, Task
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.tasks import tasks
from chalicelib.storage.tasks.table import (
    PHASE_ORDER,
    AgeIndex,
    PhaseIndex,
    TaskItem,
    lane_partition,
    parse,
    queue_rank,
    state_partition,
    worker_partition,
)


def count_ahead(task: Task, most: int) -> int:
    """How many queued tasks of its lane stand before this one, counted up to `most`. One call; the index may lag."""
    before, lane = TaskItem.rank < queue_rank(task), lane_partition(task.org, task.pool, task.lane)
    with dynamodb.reading():
        # PynamoDB's own count takes its limit for the size of a page, and reads them all.
        page = TaskItem._get_connection().query(lane, before, index_name="place", limit=most, select="COUNT")
    return int(page["Count"])


class Row(NamedTuple):
    """One place in a list, and what the next page begins after if this ends the page. `task` is None where the list's
    index names a task that is no longer there."""

    task: Task | None
    mark: str


def list_tasks(org: str, pool: str, statuses: frozenset[Status] | None, after: str | None, limit: int) -> list[Row]:
    """Up to `limit` tasks of a pool, youngest first: all, those of one phase, or those held in one state.

    One call, two for all that are held, and one more where a payload or result is long; `after` is a mark. The index
    may lag.
    """
    if statuses is None:
        found = _query(TaskItem.by_age, f"{org}#{pool}", after, limit)
    else:
        shelves = sorted({state_partition(org, pool, status) for status in statuses})
        found = [item for shelf in shelves for item in _query(TaskItem.by_phase, shelf, after, limit)]
        found = sorted(found, key=lambda item: item.age or "", reverse=True)[:limit]
    whole = _load_bulky(found)
    return [_row(whole.get(item.id) if item.bulky else parse(item), item, statuses) for item in found]


def iterate_state(org: str, pool: str, status: Status, after: str | None, size: int) -> Iterator[Row]:
    """The tasks in the phase of this state, or held in it, youngest first, without payload and result where those are
    long. One call for each `size` of them, as they are asked for. The index may lag."""
    while True:
        found = _query(TaskItem.by_phase, state_partition(org, pool, status), after, size)
        for item in found:
            yield Row(parse(item), item.age or "")
        if len(found) < size:
            return
        after = found[-1].age


def _row(task: Task | None, item: TaskItem, statuses: frozenset[Status] | None) -> Row:
    there = task is not None and (statuses is None or task.status in statuses)
    return Row(task if there else None, item.age or "")


def _query(index: AgeIndex | PhaseIndex, key: str, after: str | None, limit: int) -> list[TaskItem]:
    wanted = TaskItem.age < after if after is not None else None
    kept = TaskItem.expires_at.does_not_exist() | (TaskItem.expires_at > clock.now() // clock.SECOND)
    with dynamodb.reading():
        return list(index.query(key, wanted, kept, scan_index_forward=False, limit=limit, page_size=limit))


def _load_bulky(items: list[TaskItem]) -> dict[str, Task]:
    """Those with payloads or results that were too long for the index, in full."""
    bulky = {item.id for item in items if item.bulky}
    return tasks.find_many(bulky, whole=True) if bulky else {}


def list_worker_tasks(
    org: str, pool: str, worker_id: str, phase: Phase | None, after: str | None, limit: int
) -> list[Row]:
    """Up to `limit` tasks that a worker holds or ended: held ones first, then by how they ended, latest first.

    Two calls; `after` is a mark. The index may lag, the tasks are as of now: what is no longer the worker's is None.
    """
    desk = worker_partition(org, pool, worker_id)
    with dynamodb.reading():
        rows = TaskItem.by_place.query(
            desk, _phase_range(phase, after), scan_index_forward=False, limit=limit + 1, page_size=limit + 1
        )
        ranks = {row.id: row.rank for row in rows if row.rank != after}
    found = tasks.find_many(ranks, whole=True) if ranks else {}
    theirs = {name: task for name, task in found.items() if task.worker_id == worker_id and _is_worker_row(task, phase)}
    return [Row(theirs.get(name), rank) for name, rank in ranks.items()][:limit]


def _is_worker_row(task: Task, phase: Phase | None) -> bool:
    return task.phase is not Phase.PENDING if phase is None else task.phase is phase


def _phase_range(phase: Phase | None, after: str | None) -> Condition | None:
    """The rows of a phase that follow a mark; of one that is named, with the mark's own row."""
    if phase is None:
        return TaskItem.rank < after if after is not None else None
    first = PHASE_ORDER[phase]
    return TaskItem.rank.startswith(first) if after is None else TaskItem.rank.between(first, after)
