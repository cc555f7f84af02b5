"""The worker that stands for the house's own performers in each pool that has any, so that their tasks are leased,
retried and counted as all others are."""

from dataclasses import replace

from chalicelib import clock
from chalicelib.domain.tasks.worker import BUILT_IN, Worker
from chalicelib.engine.workers import registry as workers
from chalicelib.providers.performers import registry as performers
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.workers import workers as worker_storage

SLOTS = 50
"""How many tasks of a pool the house performs at once."""


def staffed(org: str, pool: str, crew: list[Worker]) -> list[Worker]:
    """The crew with the worker that stands for the pool's performers, made or brought up to date if it has to be."""
    names = performers.names(pool)
    found = next((worker for worker in crew if worker.built_in), None)
    if not names or (found is not None and found.capabilities == names):
        return crew
    present = _hired(org, pool, names) if found is None else _trained(found, names)
    return [*(worker for worker in crew if not worker.built_in), present]


def expected(org: str, pool: str, crew: list[Worker]) -> list[Worker]:
    """The crew as the next dispatch pass will have it. Nothing is written."""
    names = performers.names(pool)
    if not names or any(worker.built_in for worker in crew):
        return crew
    return [*crew, _performing(org, pool, names)]


def _performing(org: str, pool: str, names: tuple[str, ...]) -> Worker:
    now = clock.now()
    return Worker(
        id=BUILT_IN,
        org=org,
        pool=pool,
        name="built-in performers",
        max_concurrent=SLOTS,
        capabilities=names,
        registered_at=now,
        updated_at=now,
        last_heartbeat_at=now,
        heartbeat_timeout_ms=0,
        online_since=now,
    )


def _hired(org: str, pool: str, names: tuple[str, ...]) -> Worker:
    worker = _performing(org, pool, names)
    try:
        dynamodb.commit(worker_storage.create_write(worker))
    except ConditionFailed as refused:
        return worker if refused.items[0] is None else worker_storage.from_raw(refused.items[0])
    return worker


def _trained(worker: Worker, names: tuple[str, ...]) -> Worker:
    def decide(found: Worker) -> Worker:
        return found if found.capabilities == names else replace(found, capabilities=names)

    return workers.change(worker.org, worker.pool, worker.id, decide) or worker
