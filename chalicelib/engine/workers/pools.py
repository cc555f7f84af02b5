"""A pool's settings, its dispatch state and the totals of its workers."""

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

MAX_LANES = 300
"""How many lanes a pool keeps. Each costs a dispatch pass one call while a worker can take its tasks. A waiting task of
a further lane is woken on its own."""
MAX_LANES_BYTES = 200_000
"""About how many bytes the lanes may take in the pool's item, which DynamoDB limits to 400 KB."""
WATCH_TRIES = 3


class Summary(NamedTuple):
    """A pool's workers, and the attempts that all its workers, the removed ones too, completed and failed."""

    workers: list[Worker]
    completed: int
    failed: int


def find_with_workers(org: str, pool: str) -> tuple[Pool, list[Worker]]:
    """The pool and its workers, without removed ones and the built-in one. One call."""
    state, workers = storage.find_with_workers(org, pool)
    return state, [worker for worker in workers if not worker.removed and not worker.is_built_in]


def summarize(org: str, pool: str) -> Summary:
    """The pool's workers, and the totals of these and the removed ones. One call."""
    state, workers = storage.find_with_workers(org, pool)
    return Summary(
        workers=[worker for worker in workers if not worker.removed and not worker.is_built_in],
        completed=state.departed_completed + sum(worker.completed for worker in workers),
        failed=state.departed_failed + sum(worker.failed for worker in workers),
    )


def removed_worker_counts_writes(worker: Worker) -> list[Write]:
    """The writes that add a removed worker's counters to its pool's. Two calls, which create the pool's item if there
    is none; no call when there is nothing to add."""
    if not worker.completed and not worker.failed:
        return []
    state, _ = storage.find_with_workers(worker.org, worker.pool)
    _create(state)
    return [storage.add_removed_worker_counts_write(worker)]


def set_algorithm(org: str, pool: str, algorithm: Algorithm) -> None:
    """Set the pool's balancing algorithm, from the next dispatch pass on."""
    try:
        dynamodb.commit(storage.set_algorithm_write(org, pool, algorithm))
    except ConditionFailed:
        _create(replace(Pool(org=org, pool=pool), algorithm=str(algorithm)))


def save_dispatch_state(before: Pool, after: Pool) -> None:
    """Store what the next dispatch pass needs; no call when nothing changed."""
    write = storage.dispatch_state_write(before, after)
    if write is None:
        return
    try:
        dynamodb.commit(write)
    except ConditionFailed as refused:
        if refused.items[0] is None:
            _create(after)
        else:  # lanes were watched meanwhile: the next pass, which is due, sees their tasks
            save_dispatch_state(before, replace(after, wake_at=before.wake_at, lanes={**before.lanes, **after.lanes}))


def watch_lanes(org: str, pool: str, lanes: Mapping[str, Needs]) -> frozenset[str]:
    """Have the dispatcher check these lanes now and each minute, as long as tasks wait in them. Returns the names of
    the lanes that the pool could keep. Two calls. Raises Unavailable."""

    def attempt() -> frozenset[str]:
        stored = storage.find(org, pool)
        kept = remembered_lanes(stored.lanes, lanes)
        watched = {name: needs for name, needs in lanes.items() if name in kept}
        try:
            dynamodb.commit(storage.watch_lanes_write(stored, watched, clock.now()))
        except ConditionFailed:
            _create(stored)
            raise StaleRead from None
        return frozenset(watched)

    return optimistic.retry(attempt, tries=WATCH_TRIES)


def remembered_lanes(stored: Mapping[str, Needs], added: Mapping[str, Needs]) -> dict[str, Needs]:
    """The stored lanes, and as many of the added ones as the pool can keep."""
    kept, bytes_left = dict(stored), MAX_LANES_BYTES - sum(map(_lane_bytes, stored.items()))
    for lane in added.items():
        bytes_left -= _lane_bytes(lane) if lane[0] not in kept else 0
        if bytes_left < 0 or (len(kept) >= MAX_LANES and lane[0] not in kept):
            break
        kept[lane[0]] = lane[1]
    return kept


def _lane_bytes(lane: tuple[str, Needs]) -> int:
    name, needs = lane
    words = (
        name,
        *needs.capabilities,
        needs.group or "",
        needs.worker or "",
        needs.concurrency_limit.key if needs.concurrency_limit else "",
    )
    return sum(len(word.encode()) + 5 for word in words) + 50


def _create(pool: Pool) -> None:
    try:
        dynamodb.commit(storage.create_write(pool))
    except ConditionFailed:
        # Another function created it in between: its state is as good, and the next pass adds what is missing.
        return
