"""Lists of tasks, page by page: of a pool, of a phase, of a worker; and where a task stands in its queue."""

from typing import NamedTuple

from pynamodb.expressions.condition import Condition

from chalicelib.domain.tasks import Phase, Status, Task
from chalicelib.storage import base, tasks
from chalicelib.storage.task_table import (
    DESK_ORDER,
    TaskItem,
    age_of,
    desk_of,
    expired,
    lane_of,
    parse,
    queue_rank,
    shelf_of,
)

PIECE = 100


def ahead(task: Task, most: int) -> int:
    """How many queued tasks of its lane stand before this one, counted up to `most`; the index may lag."""
    before = TaskItem.rank < queue_rank(task)
    with base.reading():
        return TaskItem.by_place.count(lane_of(task.org, task.pool, task.lane), before, limit=most)


class Row(NamedTuple):
    """One task of a list, and what the next page begins after if this row ends the page."""

    task: Task
    mark: str


def listed(org: str, pool: str, phase: Phase | None, status: Status | None, after: str | None, limit: int) -> list[Row]:
    """Up to `limit` tasks of a pool, youngest first, of one phase or of all, of one state within it or of all.

    One call, and one more where a payload or result is long; `after` is a mark. The index may lag.
    """
    wanted = TaskItem.age < after if after is not None else None
    kept = (TaskItem.status == str(status)) if status is not None else None
    index, key = (
        (TaskItem.by_age, f"{org}#{pool}") if phase is None else (TaskItem.by_phase, shelf_of(org, pool, phase))
    )
    # Dynamo counts rows before it filters them: a filtered page is read in pieces that are worth their call.
    piece = limit if kept is None else max(limit, PIECE)
    with base.reading():
        rows = index.query(key, wanted, kept, scan_index_forward=False, limit=limit, page_size=piece)
        found = [item for item in rows if not expired(item)]
    return [Row(task, age_of(task)) for task in _completed(found)]


def _completed(rows: list[TaskItem]) -> list[Task]:
    """The rows as tasks, with the payloads and results that were too long for the index."""
    bulky = {row.id for row in rows if row.bulky}
    whole = tasks.find_many(bulky, whole=True) if bulky else {}
    return [whole.get(row.id) or parse(row) for row in rows]


def of_worker(org: str, pool: str, worker_id: str, phase: Phase | None, after: str | None, limit: int) -> list[Row]:
    """Up to `limit` tasks that a worker holds or ended: held ones first, then by how they ended, latest first.

    Two calls; `after` is a mark. The index may lag, the tasks are as of now.
    """
    desk = desk_of(org, pool, worker_id)
    with base.reading():
        rows = TaskItem.by_place.query(
            desk, _desk_range(phase, after), scan_index_forward=False, limit=limit + 1, page_size=limit + 1
        )
        ranks = {row.id: row.rank for row in rows if row.rank != after}
    found = tasks.find_many(ranks, whole=True) if ranks else {}
    return [Row(found[name], rank) for name, rank in ranks.items() if name in found][:limit]


def _desk_range(phase: Phase | None, after: str | None) -> Condition | None:
    """The rows of a phase that follow a mark; of one that is named, with the mark's own row."""
    if phase is None:
        return TaskItem.rank < after if after is not None else None
    first = DESK_ORDER[phase]
    return TaskItem.rank.startswith(first) if after is None else TaskItem.rank.between(first, after)
