"""A pool's settings and the dispatcher's memory of it."""

from dataclasses import replace
from typing import NamedTuple

from chalicelib.domain.balancing import Algorithm
from chalicelib.domain.tasks import Pool, Worker
from chalicelib.storage import base
from chalicelib.storage import pools as storage
from chalicelib.storage.base import Refused, Write


class Summary(NamedTuple):
    """A pool's workers, and the attempts completed and burned by all it ever had."""

    workers: list[Worker]
    completed: int
    failed: int


def overview(org: str, pool: str) -> tuple[Pool, list[Worker]]:
    """The pool and its workers that were not removed. One call."""
    memory, workers = storage.crew(org, pool)
    return memory, [worker for worker in workers if not worker.removed and not worker.built_in]


def summary(org: str, pool: str) -> Summary:
    """The pool's workers, and what they and those before them have done. One call."""
    memory, workers = storage.crew(org, pool)
    return Summary(
        workers=[worker for worker in workers if not worker.removed and not worker.built_in],
        completed=memory.departed_completed + sum(worker.completed for worker in workers),
        failed=memory.departed_failed + sum(worker.failed for worker in workers),
    )


def keep_counts(worker: Worker) -> list[Write]:
    """The writes that keep a removed worker's counters with its pool; the pool's memory is made if there is none."""
    if not worker.completed and not worker.failed:
        return []
    memory, _ = storage.crew(worker.org, worker.pool)
    _create(memory)
    return [storage.departed(worker)]


def set_algorithm(org: str, pool: str, algorithm: Algorithm) -> None:
    """Balance the pool so from the next dispatch on."""
    try:
        base.commit(storage.algorithm_set(org, pool, algorithm))
    except Refused:
        _create(replace(Pool(org=org, pool=pool), algorithm=str(algorithm)))


def keep(before: Pool, after: Pool) -> None:
    """Store what a dispatch pass leaves to the next one; no call when nothing changed."""
    write = storage.memory_kept(before, after)
    if write is None:
        return
    try:
        base.commit(write)
    except Refused:
        _create(after)


def _create(pool: Pool) -> None:
    try:
        base.commit(storage.created(pool))
    except Refused:
        # Somebody else made it in between: what it holds is as good, and the next pass adds what is missing.
        return
