"""Lists of tasks, page by page: of a pool, a phase or a worker; and a task's position in its lane."""

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
    """Count the queued tasks of its lane before this one, up to `most`. One call; the index may lag."""
    before, lane = TaskItem.rank < queue_rank(task), lane_partition(task.org, task.pool, task.lane)
    with dynamodb.reading():
        # PynamoDB's own count takes its limit as a page size and reads all pages.
        page = TaskItem._get_connection().query(lane, before, index_name="place", limit=most, select="COUNT")
    return int(page["Count"])


class Row(NamedTuple):
    """One row of a list. `mark` is where the next page begins if the row is the last of its page. `task` is None if the
    index names a task that no longer exists."""

    task: Task | None
    mark: str


def list_tasks(org: str, pool: str, statuses: frozenset[Status] | None, after: str | None, limit: int) -> list[Row]:
    """Read up to `limit` tasks of a pool after the mark `after`, youngest first: all, those of a phase or held state.

    One call, two for all held tasks, and one more if a payload or result is long. The index may lag.
    """
    if statuses is None:
        items = _query(TaskItem.by_age, f"{org}#{pool}", after, limit)
    else:
        partitions = sorted({state_partition(org, pool, status) for status in statuses})
        items = [item for each in partitions for item in _query(TaskItem.by_phase, each, after, limit)]
        items = sorted(items, key=lambda item: item.age or "", reverse=True)[:limit]
    whole = _load_bulky(items)
    return [_row(whole.get(item.id) if item.bulky else parse(item), item, statuses) for item in items]


def iterate_state(org: str, pool: str, status: Status, after: str | None, size: int) -> Iterator[Row]:
    """Iterate over the tasks of this state's phase, or of this held state, youngest first, without long payloads and
    results. One call for each `size` tasks that are consumed. The index may lag."""
    while True:
        items = _query(TaskItem.by_phase, state_partition(org, pool, status), after, size)
        for item in items:
            yield Row(parse(item), item.age or "")
        if len(items) < size:
            return
        after = items[-1].age


def _row(task: Task | None, item: TaskItem, statuses: frozenset[Status] | None) -> Row:
    is_listed = task is not None and (statuses is None or task.status in statuses)
    return Row(task if is_listed else None, item.age or "")


def _query(index: AgeIndex | PhaseIndex, key: str, after: str | None, limit: int) -> list[TaskItem]:
    is_after = TaskItem.age < after if after is not None else None
    is_retained = TaskItem.expires_at_s.does_not_exist() | (TaskItem.expires_at_s > clock.now() // clock.SECOND)
    with dynamodb.reading():
        return list(index.query(key, is_after, is_retained, scan_index_forward=False, limit=limit, page_size=limit))


def _load_bulky(items: list[TaskItem]) -> dict[str, Task]:
    """Read the tasks whose payload or result is too long for the index."""
    bulky = {item.id for item in items if item.bulky}
    return tasks.find_many(bulky, whole=True) if bulky else {}


def list_worker_tasks(
    org: str, pool: str, worker_id: str, phase: Phase | None, after: str | None, limit: int
) -> list[Row]:
    """Read up to `limit` tasks that a worker holds or ended, after the mark `after`: held ones first, then by their end
    state, latest first.

    Two calls. The index may lag; the tasks are read consistently, and one that no longer belongs to the worker is None.
    """
    partition = worker_partition(org, pool, worker_id)
    with dynamodb.reading():
        rows = TaskItem.by_place.query(
            partition, _phase_range(phase, after), scan_index_forward=False, limit=limit + 1, page_size=limit + 1
        )
        ranks = {row.id: row.rank for row in rows if row.rank != after}
    current = tasks.find_many(ranks, whole=True) if ranks else {}
    own = {name: task for name, task in current.items() if task.worker_id == worker_id and _is_worker_row(task, phase)}
    return [Row(own.get(name), rank) for name, rank in ranks.items()][:limit]


def _is_worker_row(task: Task, phase: Phase | None) -> bool:
    return task.phase is not Phase.PENDING if phase is None else task.phase is phase


def _phase_range(phase: Phase | None, after: str | None) -> Condition | None:
    """The condition for the rows after a mark, and in a phase if one is named; then with the mark's own row."""
    if phase is None:
        return TaskItem.rank < after if after is not None else None
    first = PHASE_ORDER[phase]
    return TaskItem.rank.startswith(first) if after is None else TaskItem.rank.between(first, after)
