"""Workers, in the `workers` table: reading them, and the writes that change them."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Literal

from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from chalicelib.domain.tasks import circuit_breaker
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.worker import Health, Heartbeat, Worker
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.columns import wake_shard
from chalicelib.storage.aws.dynamodb import RawItem, Write
from chalicelib.storage.tasks.tasks import PAGE
from chalicelib.storage.workers.table import RESERVED, WorkerItem, WorkersTable, org_pool

_FIELDS = tuple(field.name for field in fields(Worker))
_MAPS = ("leases", "commands")
_COMMAND_NAME = re.compile(r"\w+:\d+")
"""The name of a command, which a receipt repeats. A receipt of another form is ignored: it must not become part of a
path into the item."""
_LISTS = ("capabilities", "groups")
_FLAGS = ("socket", "drained", "on_trial")
_COUNTS = ("completed", "failed", "credits", "attempt_failures", "unreached")
_BREAKER = ("unreached", "unreached_since", "suspended_until", "on_trial")
_SUSPICIONS = (*_BREAKER, "attempt_failures")
"""The fields that a completed attempt resets."""
Outcome = Literal["completed", "failed"]
"""Which of its worker's counters an ended attempt increments."""


def _key(org: str, pool: str, worker_id: str) -> WorkerItem:
    return WorkerItem(org_pool(org, pool), worker_id)


def _values(worker: Worker) -> dict[str, Any]:
    values = {name: getattr(worker, name) for name in _FIELDS}
    values |= {name: list(values[name]) or None for name in _LISTS}
    values |= {name: dict(values[name]) for name in _MAPS}
    values |= {name: values[name] or None for name in (*_FLAGS, *_COUNTS)}
    values["endpoints"], values["health"] = dict(worker.endpoints), str(worker.health)
    values["wake_shard"] = wake_shard(worker.id) if worker.wake_at is not None else None
    return values


def parse(item: WorkerItem) -> Worker:
    """The worker of a stored item."""
    values = {name: getattr(item, name) for name in _FIELDS}
    values |= {name: tuple(values[name] or ()) for name in _LISTS}
    values |= {name: bool(values[name]) for name in _FLAGS} | {name: int(values[name] or 0) for name in _COUNTS}
    values |= {name: {key: int(number) for key, number in values[name].as_dict().items()} for name in _MAPS}
    return Worker(**(values | {"health": Health(item.health), "endpoints": item.endpoints or {}}))


def from_raw(raw: RawItem) -> Worker:
    """The worker of a raw item."""
    return parse(WorkerItem.from_raw_data(raw))


def is_worker(raw: RawItem) -> bool:
    """Whether a raw item of this table is a worker, and not a pool or a concurrency limit."""
    return not raw["id"]["S"].startswith(RESERVED)


def create_write(worker: Worker) -> Write:
    """The write that creates a worker; refused when the id is taken."""
    values = {name: value for name, value in _values(worker).items() if value is not None}
    item = WorkerItem(org_pool(worker.org, worker.pool), **values)
    return dynamodb.put(item, WorkerItem.id.does_not_exist())


def exists_check(org: str, pool: str, worker_id: str) -> Write:
    """The check, as part of a transaction, that the worker exists and is not removed."""
    return dynamodb.check(_key(org, pool, worker_id), WorkerItem.removed == False)  # noqa: E712


def find(org: str, pool: str, worker_id: str) -> Worker | None:
    """The worker as of now, or None."""
    if worker_id.startswith(RESERVED):
        return None
    with dynamodb.reading():
        try:
            return parse(WorkerItem.get(org_pool(org, pool), worker_id, consistent_read=True))
        except WorkerItem.DoesNotExist:
            return None


def find_many(keys: set[tuple[str, str, str]]) -> dict[tuple[str, str, str], Worker]:
    """The existing workers among `keys`, as of now, by (org, pool, id)."""
    with dynamodb.reading():
        found = WorkerItem.batch_get([(org_pool(org, pool), name) for org, pool, name in keys], consistent_read=True)
        return {(item.org, item.pool, item.id): parse(item) for item in found}


def update_write(old: Worker, new: Worker) -> Write:
    """The write that changes `old` to `new`; refused when the worker was written since `old` was read."""
    before, after = _values(old), _values(new)
    names = [name for name in (*_FIELDS, "wake_shard") if before[name] != after[name]]
    return dynamodb.update(
        _key(old.org, old.pool, old.id),
        [_action(name, after[name]) for name in names],
        WorkerItem.version == old.version,
    )


def delete_write(worker: Worker) -> Write:
    """The write that deletes a worker; refused when the worker was written since it was read."""
    return dynamodb.delete(_key(worker.org, worker.pool, worker.id), WorkerItem.version == worker.version)


def _action(name: str, value: Any) -> Action:
    attribute = getattr(WorkerItem, name)
    action: Action = attribute.remove() if value is None else attribute.set(value)
    return action


def record_heartbeat(
    org: str, pool: str, worker_id: str, beat: Heartbeat, now: int, overdue_at: int, connection: str | None = None
) -> Worker:
    """Store a heartbeat and return the worker with it. One call. Raises ConditionFailed when the worker is not
    registered, or when `connection` is given and is not its current connection.

    A `wake_at` that is set already stays, so that a timely heartbeat costs no index write: the sweep moves it later.
    For a worker with a connection, `wake_at` is always set: it is the time of the next ping.
    """
    is_current: Condition = WorkerItem.removed == False  # noqa: E712
    actions: list[Action] = [
        WorkerItem.version.add(1),
        WorkerItem.updated_at.set(now),
        WorkerItem.health.set(str(beat.health)),
        *_sign_of_life_actions(worker_id, now, WorkerItem.wake_at | overdue_at if connection is None else overdue_at),
        _action("reported", dict(beat.reported) if beat.reported is not None else None),
    ]
    actions += [
        WorkerItem.commands[name].remove() for name in sorted(set(beat.receipts)) if _COMMAND_NAME.fullmatch(name)
    ]
    if connection is not None:
        is_current &= WorkerItem.connection == connection
    write = dynamodb.update(_key(org, pool, worker_id), actions, is_current)
    return from_raw(dynamodb.commit(write, returning="ALL_NEW"))


def _sign_of_life_actions(worker_id: str, now: int, wake_at: Any) -> list[Action]:
    """The actions of every request that shows that the worker is alive."""
    return [
        WorkerItem.last_heartbeat_at.set(now),
        WorkerItem.alive.set(True),
        WorkerItem.online_since.set(WorkerItem.online_since | now),
        WorkerItem.wake_at.set(wake_at),
        WorkerItem.wake_shard.set(wake_shard(worker_id)),
    ]


def take_slot_write(worker: Worker, task: Task) -> Write:
    """The worker's half of a new lease on `task`; refused when the worker is not in rotation or has no free slot.

    A command to stop this same attempt is removed: a task that was released without counting an attempt comes again
    under the same attempt number.
    """
    can_take = WorkerItem.id.exists() & (size(WorkerItem.leases) < worker.max_concurrent)
    can_take &= (WorkerItem.max_concurrent == worker.max_concurrent) & (WorkerItem.alive == True)  # noqa: E712
    can_take &= (WorkerItem.maintenance == False) & (WorkerItem.removed == False)  # noqa: E712
    can_take &= WorkerItem.leases[task.id].does_not_exist()
    actions = [*_placement_actions(task.updated_at), WorkerItem.leases[task.id].set(task.epoch)]
    if (stop := f"{task.id}:{task.attempt}") in worker.commands:
        actions.append(WorkerItem.commands[stop].remove())
    if worker.unreached:
        actions += _breaker_actions(circuit_breaker.tried(worker, task.updated_at))
    return dynamodb.update(_key(worker.org, worker.pool, worker.id), actions, can_take)


def _breaker_actions(worker: Worker) -> list[Action]:
    """The actions that store the worker's circuit breaker and the time of its next probe."""
    values = _values(worker)
    return [_action(name, values[name]) for name in (*_BREAKER, "wake_at", "wake_shard")]


def _placement_actions(now: int) -> list[Action]:
    return [WorkerItem.version.add(1), WorkerItem.updated_at.set(now), WorkerItem.placed_at.set(now)]


def free_slot_write(
    org: str,
    pool: str,
    worker_id: str,
    task_id: str,
    now: int,
    *,
    outcome: Outcome | None = None,
    is_worker_fault: bool = False,
    stop: str | None = None,
    rest_until: int | None = None,
    unreached: Worker | None = None,
    overdue_at: int | None = None,
    is_named_anew: bool = False,
) -> Write:
    """The worker's half of a lease's end; refused when the worker does not hold the task.

    `outcome` is the counter to increment. `is_worker_fault`: the attempt failed because of the worker. `stop` queues a
    command to stop that attempt ("<task id>:<attempt>"). Until `rest_until` the worker gets no task. `unreached` is the
    worker after counting a handover that did not arrive; its circuit breaker is stored. `overdue_at` is given when the
    request also counts as a heartbeat: the next one is overdue then. `is_named_anew`: the task is to go to this very
    worker; then it is refused also when the worker is removed.
    """
    actions = [*_placement_actions(now), WorkerItem.leases[task_id].remove()]
    if overdue_at is not None:
        actions += _sign_of_life_actions(worker_id, now, WorkerItem.wake_at | overdue_at)
    if outcome is not None:
        actions.append(getattr(WorkerItem, outcome).add(1))
    if outcome == "completed":
        actions += [getattr(WorkerItem, name).remove() for name in _SUSPICIONS]
    if is_worker_fault:
        actions.append(WorkerItem.attempt_failures.add(1))
    if unreached is not None:
        actions += _breaker_actions(unreached)
    if stop is not None:
        actions.append(WorkerItem.commands[stop].set(now))
    if rest_until is not None:
        actions.append(WorkerItem.rest_until.set(rest_until))
    condition: Condition = WorkerItem.leases[task_id].exists()
    if is_named_anew:
        condition &= WorkerItem.removed == False  # noqa: E712
    return dynamodb.update(_key(org, pool, worker_id), actions, condition)


def credit_write(org: str, pool: str, worker_id: str, outcome: Outcome, now: int) -> Write:
    """The write that counts the end of a task for a worker that the task names but that had no lease on it; refused
    when the worker does not exist or is removed."""
    counter, exists = getattr(WorkerItem, outcome), WorkerItem.removed == False  # noqa: E712
    actions = [WorkerItem.version.add(1), WorkerItem.updated_at.set(now), counter.add(1), WorkerItem.credits.add(1)]
    return dynamodb.update(_key(org, pool, worker_id), actions, exists)


def idle_report_write(org: str, pool: str, worker_id: str, outcome: Outcome, now: int, overdue_at: int) -> Write:
    """The write that counts an outcome that a worker reports while it holds no task; refused when it holds one. It
    counts as a heartbeat; the next one is overdue at `overdue_at`."""
    actions = [WorkerItem.version.add(1), WorkerItem.updated_at.set(now), getattr(WorkerItem, outcome).add(1)]
    actions += _sign_of_life_actions(worker_id, now, WorkerItem.wake_at | overdue_at)
    is_idle: Condition = (WorkerItem.removed == False) & (size(WorkerItem.leases) == 0)  # noqa: E712
    return dynamodb.update(_key(org, pool, worker_id), actions, is_idle)


def find_due(shard: str, now: int, limit: int | None = None) -> Iterator[tuple[str, str, str]]:
    """(org, pool, id) of the workers and pools of one wake shard whose `wake_at` has passed, at most `limit`, earliest
    first. A pool's id is POOL_KEY."""
    with dynamodb.reading():
        page = min(PAGE, limit or PAGE)
        for row in WorkersTable.by_wake.query(shard, WorkersTable.wake_at <= now, page_size=page, limit=limit):
            org, _, pool = row.org_pool.rpartition("#")
            yield org, pool, row.id
