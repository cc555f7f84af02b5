"""Choose the worker for a task: needs, free slots, concurrency limits, and the balancing algorithms.

One `Balancer` serves one dispatch pass. It gets the pool and its workers, chooses a worker for each task, and returns
the pool for the next pass.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import StrEnum

from chalicelib.domain.tasks import worker_trust
from chalicelib.domain.tasks.task import ConcurrencyLimit, Needs
from chalicelib.domain.tasks.worker import Health, Pool, Worker
from chalicelib.domain.tasks.worker_trust import Retry


class Algorithm(StrEnum):
    """How a worker is chosen from those that could take a task."""

    ROUND_ROBIN = "round-robin"
    LEAST_CONNECTIONS = "least-connections"
    WEIGHTED_ROUND_ROBIN = "weighted-round-robin"
    RANDOM = "random"


class Balancer:
    """Keeps count of the free slots of a pool's workers and of the pool's concurrency limits while it chooses."""

    def __init__(self, pool: Pool, workers: Iterable[Worker], now: int, chance: Callable[[], float]) -> None:
        ordered = sorted(workers, key=lambda w: w.id)
        self._expected = [w for w in ordered if w.is_in_service(now)]
        self._accepting = {w.id: w for w in ordered if w.can_take_tasks(now)}
        self._engaged = [w for w in self._expected if w.leases or w.id in self._accepting]
        self._used = {w.id: len(w.leases) for w in self._accepting.values()}
        self._chosen = Counter[str]()
        self._counted = Counter({key: len(holders) for key, holders in pool.limit_holders.items()})
        self._cursor = pool.cursor
        self._weights = dict(pool.weights)
        self._pool = pool
        self._chance = chance

    def slots(self, needs: Needs) -> int:
        """How many tasks with these needs could be leased now: free slots on workers that can serve them, within the
        concurrency limit."""
        free = sum(self._free_slots(w) for w in self._accepting.values() if w.can_serve(needs))
        return free if needs.concurrency_limit is None else min(free, self._limit_left(needs.concurrency_limit))

    def choose(self, needs: Needs, retry: Retry | None = None) -> Worker | None:
        """Choose the worker for the next task with these needs, and count its slot and the concurrency limit as used.

        None if there is no such worker, or if the task must wait for a better one (`worker_trust`). A healthy worker
        comes before a degraded one.
        """
        if needs.concurrency_limit is not None and not self._limit_left(needs.concurrency_limit):
            return None
        fit = [w for w in self._accepting.values() if w.can_serve(needs) and self._free_slots(w)]
        if retry is not None:
            expected = self._engaged if retry.is_impatient else self._expected
            fit = worker_trust.allowed_workers(fit, [w for w in expected if w.can_serve(needs)], retry)
        if not fit:
            return None
        chosen = _ALGORITHMS[Algorithm(self._pool.algorithm)](self, _healthiest(fit))
        self._used[chosen.id] += 1
        self._chosen[chosen.id] += 1
        if needs.concurrency_limit is not None:
            self._counted[needs.concurrency_limit.key] += 1
        return chosen

    def undo_choice(self, worker_id: str, needs: Needs) -> None:
        """Take back a choice whose lease could not be written."""
        self._used[worker_id] -= 1
        self._chosen[worker_id] -= 1
        if needs.concurrency_limit is not None:
            self._counted[needs.concurrency_limit.key] -= 1

    def exclude_worker(self, worker_id: str) -> None:
        """Choose this worker no more in this pass: it turned out to be full, removed or out of rotation."""
        self._accepting.pop(worker_id, None)

    def exhaust_limit(self, limit: ConcurrencyLimit) -> None:
        """Choose for this key no more in this pass: its concurrency limit turned out to be reached."""
        self._counted[limit.key] = max(limit.limit, self._counted[limit.key])

    def next_pool(self) -> Pool:
        """The pool with the balancing state for the next pass."""
        return replace(self._pool, cursor=self._cursor, weights=self._weights)

    def _free_slots(self, worker: Worker) -> int:
        free = max(0, worker.slots - self._used[worker.id])
        # One handover decides about a worker that could not be reached before.
        return min(free, 1 - self._chosen[worker.id]) if worker.unreached else free

    def _limit_left(self, limit: ConcurrencyLimit) -> int:
        return max(0, limit.limit - self._counted[limit.key])

    def _round_robin(self, fit: list[Worker]) -> Worker:
        after = [w for w in fit if self._cursor is None or w.id > self._cursor]
        chosen = (after or fit)[0]
        self._cursor = chosen.id
        return chosen

    def _least_connections(self, fit: list[Worker]) -> Worker:
        return min(fit, key=lambda w: (self._used[w.id], self._used[w.id] / w.max_concurrent, w.id))

    def _smooth_weighted(self, fit: list[Worker]) -> Worker:
        for worker in fit:
            self._weights[worker.id] = self._weights.get(worker.id, 0) + worker.weight
        chosen = max(fit, key=lambda w: self._weights[w.id])
        self._weights[chosen.id] -= sum(w.weight for w in fit)
        return chosen

    def _random(self, fit: list[Worker]) -> Worker:
        return fit[int(self._chance() * len(fit))]


_ALGORITHMS: Mapping[Algorithm, Callable[[Balancer, list[Worker]], Worker]] = {
    Algorithm.ROUND_ROBIN: Balancer._round_robin,
    Algorithm.LEAST_CONNECTIONS: Balancer._least_connections,
    Algorithm.WEIGHTED_ROUND_ROBIN: Balancer._smooth_weighted,
    Algorithm.RANDOM: Balancer._random,
}


def _healthiest(fit: list[Worker]) -> list[Worker]:
    return [w for w in fit if w.health is Health.HEALTHY] or fit
