"""The built-in worker: it stands for Yardmaster's own performers in each pool that has any, so that their tasks are
leased, retried and counted like all others."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib import clock
from chalicelib.domain.tasks.task import Needs
from chalicelib.domain.tasks.worker import BUILT_IN, Worker
from chalicelib.engine.workers import performers, registry
from chalicelib.errors import Unavailable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.workers import workers as worker_storage

STOPPED = "stopped"
"""Field of its metadata: the task types that the org has stopped."""
STARTED = "started"
"""Field of its metadata: when the org last started a task type, if it did."""
MAX_CONCURRENT = 50
"""How many tasks of a pool the performers run at once."""


def ensure_builtin_worker(org: str, pool: str, workers: list[Worker], lanes: Iterable[Needs]) -> list[Worker]:
    """The pool's workers with its built-in worker, which is created or updated if one of the lanes needs it. No call
    when it is up to date, or no lane needs it."""
    builtin = next((worker for worker in workers if worker.is_built_in), None)
    names = _offered(pool, builtin)
    is_up_to_date = builtin is not None and builtin.capabilities == names
    if is_up_to_date or not any(needs.capabilities.intersection(names) for needs in lanes):
        return workers
    builtin = _create(org, pool, names) if builtin is None else _update_capabilities(builtin, names)
    return [*(worker for worker in workers if not worker.is_built_in), builtin]


def with_builtin_worker(org: str, pool: str, workers: list[Worker]) -> list[Worker]:
    """The pool's workers as the next dispatch pass sees them, with the built-in worker. Writes nothing."""
    names = performers.task_types(pool)
    if not names or any(worker.is_built_in for worker in workers):
        return workers
    return [*workers, _new_builtin_worker(org, pool, names)]


def _new_builtin_worker(org: str, pool: str, names: tuple[str, ...]) -> Worker:
    now = clock.now()
    return Worker(
        id=BUILT_IN,
        org=org,
        pool=pool,
        name="built-in performers",
        max_concurrent=MAX_CONCURRENT,
        capabilities=names,
        registered_at=now,
        updated_at=now,
        last_heartbeat_at=now,
        heartbeat_timeout_ms=0,
        online_since=now,
    )


def _create(org: str, pool: str, names: tuple[str, ...]) -> Worker:
    worker = _new_builtin_worker(org, pool, names)
    try:
        dynamodb.commit(worker_storage.create_write(worker))
    except ConditionFailed as refused:
        return worker if refused.items[0] is None else worker_storage.from_raw(refused.items[0])
    return worker


def _update_capabilities(worker: Worker, names: tuple[str, ...]) -> Worker:
    def decide(stored: Worker) -> Worker:
        return stored if stored.capabilities == names else replace(stored, capabilities=names)

    return registry.change(worker.org, worker.pool, worker.id, decide) or worker


def _offered(pool: str, worker: Worker | None) -> tuple[str, ...]:
    """The task types that are performed for the org: those with a performer that it has not stopped."""
    stopped = stopped_types(worker)
    return tuple(name for name in performers.task_types(pool) if name not in stopped)


def stopped_types(worker: Worker | None) -> Mapping[str, Any]:
    """The task types that the org has stopped, with the instants in epoch milliseconds."""
    stopped: Mapping[str, Any] = (worker.metadata or {}).get(STOPPED, {}) if worker is not None else {}
    return stopped


def started_types(worker: Worker | None) -> Mapping[str, Any]:
    """When the org last started task types, as `stopped_types`."""
    started: Mapping[str, Any] = (worker.metadata or {}).get(STARTED, {}) if worker is not None else {}
    return started


def set_stopped(org: str, pool: str, name: str, *, is_stopped: bool, is_restart: bool = False) -> Worker:
    """Stop performing a task type for an org, or perform it again: its tasks wait meanwhile, and those under way go on.
    A restart also starts what is not stopped.
    Two calls; three for an org whose tasks were never performed here."""

    def decide(stored: Worker) -> Worker:
        others = {each: at for each, at in stopped_types(stored).items() if each != name}
        if is_stopped == (name in stopped_types(stored)) and not is_restart:
            return stored
        now, started = clock.now(), started_types(stored)
        metadata = {
            STOPPED: {**others, name: now} if is_stopped else others,
            STARTED: started if is_stopped else {**started, name: now},
        }
        changed = replace(stored, metadata=metadata, rest_until=stored.rest_until if is_stopped else None)
        return replace(changed, capabilities=_offered(pool, changed))

    def change() -> Worker | None:
        return registry.change(org, pool, BUILT_IN, decide)

    changed = change()
    if changed is None:
        _create(org, pool, performers.task_types(pool))
        changed = change()
    if changed is None:
        raise Unavailable("The built-in worker was removed; try again")
    return changed
