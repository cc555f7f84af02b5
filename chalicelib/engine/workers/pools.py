"""A pool's settings and the dispatcher's memory of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.tasks.balancing import Algorithm
from chalicelib.domain.tasks.task import Needs
from chalicelib.domain.tasks.worker import Pool, Worker
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.workers import pools as storage

MOST_LANES = 300
"""How many lanes a pool remembers. Each costs a dispatch pass a call when it could be served; tasks of further lanes
have looks of their own."""
LANES_BYTES = 200_000
"""About as much room the lanes have in the pool's item, which DynamoDB limits to 400 KB."""
WATCH_TRIES = 3


class Summary(NamedTuple):
    """A pool's workers, and the attempts completed and burned by all it ever had."""

    workers: list[Worker]
    completed: int
    failed: int


def overview(org: str, pool: str) -> tuple[Pool, list[Worker]]:
    """The pool and its workers that were not removed. One call."""
    memory, workers = storage.find_with_workers(org, pool)
    return memory, [worker for worker in workers if not worker.removed and not worker.built_in]


def summary(org: str, pool: str) -> Summary:
    """The pool's workers, and what they and those before them have done. One call."""
    memory, workers = storage.find_with_workers(org, pool)
    return Summary(
        workers=[worker for worker in workers if not worker.removed and not worker.built_in],
        completed=memory.departed_completed + sum(worker.completed for worker in workers),
        failed=memory.departed_failed + sum(worker.failed for worker in workers),
    )


def keep_counts(worker: Worker) -> list[Write]:
    """The writes that keep a removed worker's counters with its pool; the pool's memory is made if there is none."""
    if not worker.completed and not worker.failed:
        return []
    memory, _ = storage.find_with_workers(worker.org, worker.pool)
    _create(memory)
    return [storage.add_removed_worker_counts_write(worker)]


def set_algorithm(org: str, pool: str, algorithm: Algorithm) -> None:
    """Balance the pool so from the next dispatch on."""
    try:
        dynamodb.commit(storage.set_algorithm_write(org, pool, algorithm))
    except ConditionFailed:
        _create(replace(Pool(org=org, pool=pool), algorithm=str(algorithm)))


def keep(before: Pool, after: Pool) -> None:
    """Store what a dispatch pass leaves to the next one; no call when nothing changed."""
    write = storage.dispatch_state_write(before, after)
    if write is None:
        return
    try:
        dynamodb.commit(write)
    except ConditionFailed as refused:
        if refused.items[0] is None:
            _create(after)
        else:  # tasks were put under the pool's look meanwhile: the next pass, which is due, sees them
            keep(before, replace(after, wake_at=before.wake_at, lanes={**before.lanes, **after.lanes}))


def watch(org: str, pool: str, lanes: Mapping[str, Needs]) -> frozenset[str]:
    """Have the pool looked at, now and each minute, for as long as tasks wait in these lanes; returns the names of
    those lanes that it has room to remember. Two calls. Raises Unavailable."""

    def attempt() -> frozenset[str]:
        known = storage.find(org, pool)
        kept = remembered(known.lanes, lanes)
        watched = {name: needs for name, needs in lanes.items() if name in kept}
        try:
            dynamodb.commit(storage.watch_lanes_write(known, watched, clock.now()))
        except ConditionFailed:
            _create(known)
            raise StaleRead from None
        return frozenset(watched)

    return optimistic.retry(attempt, tries=WATCH_TRIES)


def remembered(known: Mapping[str, Needs], more: Mapping[str, Needs]) -> dict[str, Needs]:
    """The lanes that a pool knows, and as many more as it has room to remember."""
    kept, room = dict(known), LANES_BYTES - sum(map(_bytes, known.items()))
    for lane in more.items():
        room -= _bytes(lane) if lane[0] not in kept else 0
        if room < 0 or (len(kept) >= MOST_LANES and lane[0] not in kept):
            break
        kept[lane[0]] = lane[1]
    return kept


def _bytes(lane: tuple[str, Needs]) -> int:
    name, needs = lane
    words = (name, *needs.capabilities, needs.group or "", needs.worker or "", needs.permit.key if needs.permit else "")
    return sum(len(word.encode()) + 5 for word in words) + 50


def _create(pool: Pool) -> None:
    try:
        dynamodb.commit(storage.create_write(pool))
    except ConditionFailed:
        # Somebody else made it in between: what it holds is as good, and the next pass adds what is missing.
        return
