"""The built-in worker: it stands for Yardmaster's own performers in each pool that has any, so that their tasks are
leased, retried and counted like all others."""

from dataclasses import replace

from chalicelib import clock
from chalicelib.domain.tasks.worker import BUILT_IN, Worker
from chalicelib.engine.workers import registry
from chalicelib.providers.performers import registry as performers
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.workers import workers as worker_storage

MAX_CONCURRENT = 50
"""How many tasks of a pool the performers run at once."""


def ensure_builtin_worker(org: str, pool: str, workers: list[Worker]) -> list[Worker]:
    """The pool's workers with its built-in worker, which is created or updated if needed. No call when it is up to
    date."""
    names = performers.task_types(pool)
    builtin = next((worker for worker in workers if worker.is_built_in), None)
    if not names or (builtin is not None and builtin.capabilities == names):
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
