"""The `workers` table: a pool's workers, its permits and the dispatcher's memory of it, side by side, so that one
strongly consistent query reads all that a dispatch pass needs."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Literal

from pynamodb.attributes import (
    BooleanAttribute,
    DiscriminatorAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from chalicelib.domain.tasks import circuit_breaker
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.worker import Beat, Health, Worker
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Item, RawItem, Write
from chalicelib.storage.tasks.table import CompactJson, wake_shard
from chalicelib.storage.tasks.tasks import PAGE

RESERVED = "#"
"""What the sort keys of all but workers start with; no worker id does."""
POOL_KEY = "#pool"
"""Sort key of the pool's own item."""
PERMIT_PREFIX = "#permit#"
"""Before a permit's key, in the sort key of its item."""


class WakeIndex(GlobalSecondaryIndex["WorkersTable"]):
    """Workers and pools by the moment at which they must be looked at. Sparse and sharded."""

    class Meta:
        index_name = "wake"
        projection = IncludeProjection(["kind"])  # PynamoDB filters every read of the table by it

    wake_shard = UnicodeAttribute(hash_key=True)
    wake_at = NumberAttribute(range_key=True)


class WorkersTable(Item):
    class Meta:
        setting = "workers_table"
        stream = True

    org_pool = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()
    org = UnicodeAttribute()
    pool = UnicodeAttribute()
    wake_at = NumberAttribute(null=True)
    wake_shard = UnicodeAttribute(null=True)

    by_wake = WakeIndex()


class WorkerItem(WorkersTable, discriminator="worker"):
    name = UnicodeAttribute()
    type = UnicodeAttribute(null=True)
    metadata = CompactJson(null=True)
    hours = CompactJson(null=True)
    changed_by = UnicodeAttribute(null=True)
    max_concurrent = NumberAttribute()
    weight = NumberAttribute()
    capabilities = ListAttribute[str](null=True)
    groups = ListAttribute[str](null=True)
    endpoints = CompactJson(null=True)
    callback_path = UnicodeAttribute(null=True)
    sealed_key = UnicodeAttribute(null=True)
    plan = UnicodeAttribute()
    socket = BooleanAttribute(null=True)
    connection = UnicodeAttribute(null=True)
    attempt_ms = NumberAttribute(null=True)
    health = UnicodeAttribute()
    alive = BooleanAttribute()
    maintenance = BooleanAttribute()
    maintenance_reason = UnicodeAttribute(null=True)
    drained = BooleanAttribute(null=True)
    removed = BooleanAttribute()
    registered_at = NumberAttribute()
    updated_at = NumberAttribute()
    version = NumberAttribute()
    last_heartbeat_at = NumberAttribute()
    placed_at = NumberAttribute(null=True)
    heartbeat_timeout_ms = NumberAttribute()
    online_since = NumberAttribute(null=True)
    reported = CompactJson(null=True)
    leases: MapAttribute[str, Any] = MapAttribute(default=dict)
    commands: MapAttribute[str, Any] = MapAttribute(default=dict)
    completed = NumberAttribute(null=True)
    failed = NumberAttribute(null=True)
    credits = NumberAttribute(null=True)
    attempt_failures = NumberAttribute(null=True)
    unreached = NumberAttribute(null=True)
    unreached_since = NumberAttribute(null=True)
    suspended_until = NumberAttribute(null=True)
    on_trial = BooleanAttribute(null=True)
    rest_until = NumberAttribute(null=True)


class PermitItem(WorkersTable, discriminator="permit"):
    """Who holds the permits of one key. A set, so that the first to take one needs nobody to have made the item."""

    holders = UnicodeSetAttribute(null=True)


class PoolItem(WorkersTable, discriminator="pool"):
    algorithm = UnicodeAttribute()
    cursor = UnicodeAttribute(null=True)
    weights: MapAttribute[str, Any] = MapAttribute(default=dict)
    lanes: MapAttribute[str, Any] = MapAttribute(default=dict)
    departed_completed = NumberAttribute(null=True)
    departed_failed = NumberAttribute(null=True)
    watches = NumberAttribute(null=True)


_FIELDS = tuple(field.name for field in fields(Worker))
_MAPS = ("leases", "commands")
_COMMAND = re.compile(r"\w+:\d+")
"""A command's name, and so what a receipt may be: anything else is no path into the item."""
_LISTS = ("capabilities", "groups")
_FLAGS = ("socket", "drained", "on_trial")
_COUNTS = ("completed", "failed", "credits", "attempt_failures", "unreached")
_BREAKER = ("unreached", "unreached_since", "suspended_until", "on_trial")
_SUSPICIONS = (*_BREAKER, "attempt_failures")
"""What a completed attempt clears."""
Outcome = Literal["completed", "failed"]
"""How an attempt ended, as its worker's own counter has it."""


def org_pool(org: str, pool: str) -> str:
    """Partition of a pool of an org."""
    return f"{org}#{pool}"


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
    """The stored item as a value."""
    values = {name: getattr(item, name) for name in _FIELDS}
    values |= {name: tuple(values[name] or ()) for name in _LISTS}
    values |= {name: bool(values[name]) for name in _FLAGS} | {name: int(values[name] or 0) for name in _COUNTS}
    values |= {name: {key: int(number) for key, number in values[name].as_dict().items()} for name in _MAPS}
    return Worker(**(values | {"health": Health(item.health), "endpoints": item.endpoints or {}}))


def from_raw(raw: RawItem) -> Worker:
    """A raw item as a value."""
    return parse(WorkerItem.from_raw_data(raw))


def is_worker(raw: RawItem) -> bool:
    """Whether a raw item of this table is a worker, and not a pool's memory or a permit."""
    return not raw["id"]["S"].startswith(RESERVED)


def created(worker: Worker) -> Write:
    """The write of a new worker."""
    values = {name: value for name, value in _values(worker).items() if value is not None}
    item = WorkerItem(org_pool(worker.org, worker.pool), **values)
    return dynamodb.put(item, WorkerItem.id.does_not_exist())


def there(org: str, pool: str, worker_id: str) -> Write:
    """The check, within a transaction, that there is such a worker."""
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
    """Those of the workers that exist, as of now, by (org, pool, id)."""
    with dynamodb.reading():
        found = WorkerItem.batch_get([(org_pool(org, pool), name) for org, pool, name in keys], consistent_read=True)
        return {(item.org, item.pool, item.id): parse(item) for item in found}


def changed(old: Worker, new: Worker) -> Write:
    """The write from `old` to `new`, on the condition that nobody wrote since `old` was read."""
    before, after = _values(old), _values(new)
    names = [name for name in (*_FIELDS, "wake_shard") if before[name] != after[name]]
    return dynamodb.update(
        _key(old.org, old.pool, old.id),
        [_action(name, after[name]) for name in names],
        WorkerItem.version == old.version,
    )


def deleted(worker: Worker) -> Write:
    """The write that removes a worker that was not written since."""
    return dynamodb.delete(_key(worker.org, worker.pool, worker.id), WorkerItem.version == worker.version)


def _action(name: str, value: Any) -> Action:
    attribute = getattr(WorkerItem, name)
    action: Action = attribute.remove() if value is None else attribute.set(value)
    return action


def beat(
    org: str, pool: str, worker_id: str, said: Beat, now: int, overdue_at: int, connection: str | None = None
) -> Worker:
    """Note a heartbeat and answer the worker as it then is. One call. Raises Refused when it is not registered, or is
    not connected by the `connection` that is named.

    `wake_at` is armed only if it is not: a timely heartbeat costs no index write, the sweep re-arms it lazily. Of a
    worker with a connection it is when that is to be tried again.
    """
    known: Condition = WorkerItem.removed == False  # noqa: E712
    actions: list[Action] = [
        WorkerItem.version.add(1),
        WorkerItem.updated_at.set(now),
        WorkerItem.health.set(str(said.health)),
        *_heard(worker_id, now, WorkerItem.wake_at | overdue_at if connection is None else overdue_at),
        _action("reported", dict(said.reported) if said.reported is not None else None),
    ]
    actions += [WorkerItem.commands[name].remove() for name in sorted(set(said.receipts)) if _COMMAND.fullmatch(name)]
    if connection is not None:
        known &= WorkerItem.connection == connection
    write = dynamodb.update(_key(org, pool, worker_id), actions, known)
    return from_raw(dynamodb.commit(write, returning="ALL_NEW"))


def _heard(worker_id: str, now: int, wake_at: Any) -> list[Action]:
    """What a sign of life sets."""
    return [
        WorkerItem.last_heartbeat_at.set(now),
        WorkerItem.alive.set(True),
        WorkerItem.online_since.set(WorkerItem.online_since | now),
        WorkerItem.wake_at.set(wake_at),
        WorkerItem.wake_shard.set(wake_shard(worker_id)),
    ]


def slot_taken(worker: Worker, held: Task) -> Write:
    """The worker's half of a lease that a task takes with it, on the condition that it is in rotation and has room.

    If it was told to stop this very attempt before, it is told so no longer: what was given back unburned comes again
    under the same number.
    """
    fit = WorkerItem.id.exists() & (size(WorkerItem.leases) < worker.max_concurrent)
    fit &= (WorkerItem.max_concurrent == worker.max_concurrent) & (WorkerItem.alive == True)  # noqa: E712
    fit &= (WorkerItem.maintenance == False) & (WorkerItem.removed == False)  # noqa: E712
    fit &= WorkerItem.leases[held.id].does_not_exist()
    actions = [*_placed(held.updated_at), WorkerItem.leases[held.id].set(held.epoch)]
    if (stop := f"{held.id}:{held.attempt}") in worker.commands:
        actions.append(WorkerItem.commands[stop].remove())
    if worker.unreached:
        actions += _breaker(circuit_breaker.tried(worker, held.updated_at))
    return dynamodb.update(_key(worker.org, worker.pool, worker.id), actions, fit)


def _breaker(worker: Worker) -> list[Action]:
    """The worker's circuit breaker as it is to be from now on, and its next probe."""
    values = _values(worker)
    return [_action(name, values[name]) for name in (*_BREAKER, "wake_at", "wake_shard")]


def _placed(now: int) -> list[Action]:
    return [WorkerItem.version.add(1), WorkerItem.updated_at.set(now), WorkerItem.placed_at.set(now)]


def slot_freed(
    org: str,
    pool: str,
    worker_id: str,
    task_id: str,
    now: int,
    *,
    counted: Outcome | None = None,
    spoiled: bool = False,
    stop: str | None = None,
    rest_until: int | None = None,
    unreached: Worker | None = None,
    overdue_at: int | None = None,
) -> Write:
    """The worker's half of a lease's end; `counted` says which of its counters grows.

    `spoiled` says that the attempt failed through the worker. `stop` queues a command to stop that attempt ("<task
    id>:<attempt>"). `rest_until` sends the worker to rest. `unreached` is the worker once it is counted that the
    hand-over did not arrive. `overdue_at` makes it a sign of life of the worker, and is when the next one is overdue.
    """
    actions = [*_placed(now), WorkerItem.leases[task_id].remove()]
    if overdue_at is not None:
        actions += _heard(worker_id, now, WorkerItem.wake_at | overdue_at)
    if counted is not None:
        actions.append(getattr(WorkerItem, counted).add(1))
    if counted == "completed":
        actions += [getattr(WorkerItem, name).remove() for name in _SUSPICIONS]
    if spoiled:
        actions.append(WorkerItem.attempt_failures.add(1))
    if unreached is not None:
        actions += _breaker(unreached)
    if stop is not None:
        actions.append(WorkerItem.commands[stop].set(now))
    if rest_until is not None:
        actions.append(WorkerItem.rest_until.set(rest_until))
    held: Condition = WorkerItem.leases[task_id].exists()
    return dynamodb.update(_key(org, pool, worker_id), actions, held)


def credited(org: str, pool: str, worker_id: str, outcome: Outcome, now: int) -> Write:
    """The write that counts the end of a task which names a worker, and which it had no lease of, on the condition that
    the worker is there."""
    counter, there = getattr(WorkerItem, outcome), WorkerItem.removed == False  # noqa: E712
    actions = [WorkerItem.version.add(1), WorkerItem.updated_at.set(now), counter.add(1), WorkerItem.credits.add(1)]
    return dynamodb.update(_key(org, pool, worker_id), actions, there)


def claimed(org: str, pool: str, worker_id: str, outcome: Outcome, now: int, overdue_at: int) -> Write:
    """The write of work that a worker has done besides its tasks, on the condition that it holds none. It is a sign of
    life; the next one is overdue at `overdue_at`."""
    actions = [WorkerItem.version.add(1), WorkerItem.updated_at.set(now), getattr(WorkerItem, outcome).add(1)]
    actions += _heard(worker_id, now, WorkerItem.wake_at | overdue_at)
    idle: Condition = (WorkerItem.removed == False) & (size(WorkerItem.leases) == 0)  # noqa: E712
    return dynamodb.update(_key(org, pool, worker_id), actions, idle)


def due(shard: str, now: int, limit: int | None = None) -> Iterator[tuple[str, str, str]]:
    """(org, pool, id) of the workers and pools of one wake shard that are due, at most so many, longest overdue first;
    a pool's id is POOL_KEY."""
    with dynamodb.reading():
        page = min(PAGE, limit or PAGE)
        for row in WorkersTable.by_wake.query(shard, WorkersTable.wake_at <= now, page_size=page, limit=limit):
            org, _, pool = row.org_pool.rpartition("#")
            yield org, pool, row.id
