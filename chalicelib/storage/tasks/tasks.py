"""Reads and writes of single tasks in the `tasks` table, and the queries of the dispatcher and the sweep."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.tasks.task import Holder, Phase, Status, Task
from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.aws.columns import wake_shard
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.tasks.table import (
    FIELDS,
    LARGE_FIELDS,
    TaskItem,
    expiry_s,
    is_bulky,
    is_expired,
    is_listed,
    is_listed_by_state,
    lane_partition,
    large_value,
    large_values,
    parse,
    state_partition,
    task_values,
    worker_rank,
)

PAGE = 100
DUE_PAGE = 1_000
"""Rows of due tasks contain only keys."""


def create_write(task: Task) -> Write:
    """Build the write of a new task. It is refused if a task with this id exists."""
    values = task_values(task) | large_values(task)
    item = TaskItem(**{name: value for name, value in values.items() if value is not None})
    return dynamodb.put(item, TaskItem.id.does_not_exist())


def find(task_id: str) -> Task | None:
    """Read a task, or None. A task past its retention does not exist, even if DynamoDB has not deleted it yet."""
    with dynamodb.reading():
        try:
            item = TaskItem.get(task_id, consistent_read=True)
        except TaskItem.DoesNotExist:
            return None
    return None if is_expired(item) else parse(item)


def find_many(task_ids: Iterable[str], *, whole: bool = False) -> dict[str, Task]:
    """Read the tasks that exist, by id; without payload and result unless `whole`. One call for each hundred.

    Tasks past their retention are left out only with `whole`.
    """
    names = None if whole else [getattr(TaskItem, name).attr_name for name in FIELDS if name not in LARGE_FIELDS]
    with dynamodb.reading():
        items = TaskItem.batch_get(list(task_ids), consistent_read=True, attributes_to_get=names)
        return {item.id: parse(item) for item in items if not is_expired(item)}


def update_write(old: Task, new: Task) -> Write:
    """Build the write from `old` to `new`, on the condition that nobody wrote since `old` was read."""
    unchanged = (TaskItem.version == old.version) & (TaskItem.org == old.org)
    return dynamodb.update(TaskItem(old.id), _changed_actions(old, new), unchanged)


def delete_write(task: Task) -> Write:
    """Build the write that deletes a task, on the condition that nobody wrote since it was read."""
    unchanged = (TaskItem.version == task.version) & (TaskItem.org == task.org)
    return dynamodb.delete(TaskItem(task.id), unchanged)


def exists_check(task: Task) -> Write:
    """Build the check, for a transaction, that a task still exists, whatever changed since it was read."""
    return dynamodb.check(TaskItem(task.id), TaskItem.org == task.org)


def version_check(task: Task) -> Write:
    """Build the check, for a transaction, that a task is still as it was read."""
    unchanged = (TaskItem.version == task.version) & (TaskItem.org == task.org)
    return dynamodb.check(TaskItem(task.id), unchanged)


def held_check(task_id: str, org: str, pool: str, holder: Holder) -> Write:
    """Build the check, for a transaction, that this holder holds a task of the pool."""
    return dynamodb.check(TaskItem(task_id), _is_held_by(holder, org) & (TaskItem.pool == pool))


def end_write(task_id: str, org: str, holder: Holder, changes: dict[str, Any], task: Task | None = None) -> Write:
    """Build the write that ends a held task without reading it, on the condition that this holder holds it.

    Without `task`, the task as it was read, the write is refused if the task has a concurrency limit, or if people must
    be notified of its end.
    """
    actions: list[Action] = [TaskItem.version.add(1)]
    actions += [_action(name, value) for name, value in changes.items()]
    is_held = _is_held_by(holder, org)
    is_plain = TaskItem.concurrency_limit.does_not_exist() & TaskItem.notify.does_not_exist()
    return dynamodb.update(TaskItem(task_id), actions, is_held & is_plain if task is None else is_held)


def _is_held_by(holder: Holder, org: str) -> Condition:
    is_held: Condition = TaskItem.status.is_in(str(Status.LEASED), str(Status.RUNNING))
    condition: Condition = is_held & (TaskItem.org == org) & (TaskItem.worker_id == holder.worker_id)
    if holder.attempt is not None:
        condition &= TaskItem.attempts == holder.attempt - 1
    return condition if holder.epoch is None else condition & (TaskItem.epoch == holder.epoch)


def completion_values(
    task_id: str, org: str, pool: str, now: int, result: Any, result_ref: str | None, *, notifies: bool = False
) -> dict[str, Any]:
    """The attribute changes of `transitions.completed` for a task that is not read. `notifies` says that people must be
    notified of its end."""
    large = large_value("result", result)
    changes = large | {
        "status": str(Status.COMPLETED),
        "result_ref": result_ref,
        "progress": 100,
        "error": None,
        "finished_at": now,
        "updated_at": now,
        "wake_at": now if notifies else None,
        "wake_shard": wake_shard(task_id) if notifies else None,
        "deliver_by": None,
        "expires_at_s": expiry_s(pool, now),
        "changed_by": None,
    }
    if is_listed_by_state(pool):
        changes["shelf"] = state_partition(org, pool, Status.COMPLETED)
    if is_listed(pool):
        changes["rank"] = worker_rank(Phase.COMPLETED, now, task_id)
    return changes | {"bulky": True} if is_bulky(large) else changes


def _changed_actions(old: Task, new: Task) -> list[Action]:
    before, after = task_values(old), task_values(new)
    if old.payload is not new.payload or old.result is not new.result:
        before, after = before | large_values(old), after | large_values(new)
    return [_action(name, after[name]) for name in after if before[name] != after[name]]


def _action(name: str, value: Any) -> Action:
    attribute = getattr(TaskItem, name)
    action: Action = attribute.remove() if value is None else attribute.set(value)
    return action


class Candidate(NamedTuple):
    """A row of a lane in the place index."""

    task_id: str
    rank: str


def ready_candidates(org: str, pool: str, lane: str, limit: int) -> list[Candidate]:
    """Read the first `limit` queued tasks of a lane, by urgency, then by age. One call; the index may lag."""
    with dynamodb.reading():
        rows = TaskItem.by_place.query(lane_partition(org, pool, lane), limit=limit, page_size=limit)
        return [Candidate(row.id, row.rank) for row in rows]


def due_ids(shard: str, now: int, limit: int | None = None) -> Iterator[str]:
    """Iterate over the ids of the due tasks of one wake shard, the longest overdue first, at most `limit`. One call for
    each DUE_PAGE that is consumed."""
    with dynamodb.reading():
        page = min(DUE_PAGE, limit or DUE_PAGE)
        for row in TaskItem.by_wake.query(shard, TaskItem.wake_at <= now, page_size=page, limit=limit):
            yield row.id


def find_orgs(task_ids: Sequence[str]) -> dict[str, str]:
    """Read id -> org of the tasks that exist. One call for each hundred."""
    keys: list[batch_get.Key] = [(TaskItem, {"id": {"S": task_id}}) for task_id in task_ids]
    return {raw["id"]["S"]: raw["org"]["S"] for _, raw in batch_get.read(keys, ("id", "org"))}


def commit(writes: Sequence[Write]) -> None:
    """Send the writes in one transaction. One call. Raises ConditionFailed."""
    dynamodb.commit(*writes)
