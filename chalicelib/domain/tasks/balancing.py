"""Who takes which task: capability match, free slots, permits, and the balancing algorithms.

One `Balancer` serves one dispatch pass: it is told the pool's memory and the workers, gives out slots one by one, and
hands the memory back for the next pass.
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
    """How a worker is chosen among those that could take a task."""

    ROUND_ROBIN = "round-robin"
    LEAST_CONNECTIONS = "least-connections"
    WEIGHTED_ROUND_ROBIN = "weighted-round-robin"
    RANDOM = "random"


class Balancer:
    """Gives out the free slots of a pool's workers, and the pool's permits."""

    def __init__(self, pool: Pool, workers: Iterable[Worker], now: int, chance: Callable[[], float]) -> None:
        crew = sorted(workers, key=lambda w: w.id)
        self._expected = [w for w in crew if w.is_in_service(now)]
        self._free = {w.id: w for w in crew if w.can_take_tasks(now)}
        self._engaged = [w for w in self._expected if w.leases or w.id in self._free]
        self._taken = {w.id: len(w.leases) for w in self._free.values()}
        self._given = Counter[str]()
        self._permits = Counter({key: len(holders) for key, holders in pool.limit_holders.items()})
        self._cursor = pool.cursor
        self._weights = dict(pool.weights)
        self._pool = pool
        self._chance = chance

    def slots(self, needs: Needs) -> int:
        """How many tasks with these needs could be leased: free slots on workers that can do them, and permits."""
        room = sum(self._room(w) for w in self._free.values() if w.can_serve(needs))
        return room if needs.concurrency_limit is None else min(room, self._left(needs.concurrency_limit))

    def choose(self, needs: Needs, retry: Retry | None = None) -> Worker | None:
        """The worker for the next task with these needs, its slot and a permit taken; None when there is none, or the
        task is to wait for a better one (domain.trust).

        A healthy worker comes before a degraded one.
        """
        if needs.concurrency_limit is not None and not self._left(needs.concurrency_limit):
            return None
        fit = [w for w in self._free.values() if w.can_serve(needs) and self._room(w)]
        if retry is not None:
            expected = self._engaged if retry.is_impatient else self._expected
            fit = worker_trust.allowed_workers(fit, [w for w in expected if w.can_serve(needs)], retry)
        if not fit:
            return None
        chosen = _ALGORITHMS[Algorithm(self._pool.algorithm)](self, _healthiest(fit))
        self._taken[chosen.id] += 1
        self._given[chosen.id] += 1
        if needs.concurrency_limit is not None:
            self._permits[needs.concurrency_limit.key] += 1
        return chosen

    def undo_choice(self, worker_id: str, needs: Needs) -> None:
        """Take back what `choose` gave: the lease came to nothing."""
        self._taken[worker_id] -= 1
        self._given[worker_id] -= 1
        if needs.concurrency_limit is not None:
            self._permits[needs.concurrency_limit.key] -= 1

    def exclude_worker(self, worker_id: str) -> None:
        """Give this worker nothing more in this pass: it turned out to be full, gone or out of rotation."""
        self._free.pop(worker_id, None)

    def exhaust_limit(self, permit: ConcurrencyLimit) -> None:
        """Give no more of this permit in this pass: others turned out to hold as many as there are."""
        self._permits[permit.key] = max(permit.limit, self._permits[permit.key])

    def next_pool(self) -> Pool:
        """The pool with what the next pass must remember."""
        return replace(self._pool, cursor=self._cursor, weights=self._weights)

    def _room(self, worker: Worker) -> int:
        room = max(0, worker.slots - self._taken[worker.id])
        # One hand-over decides about a worker that could not be reached before.
        return min(room, 1 - self._given[worker.id]) if worker.unreached else room

    def _left(self, permit: ConcurrencyLimit) -> int:
        return max(0, permit.limit - self._permits[permit.key])

    def _round_robin(self, fit: list[Worker]) -> Worker:
        after = [w for w in fit if self._cursor is None or w.id > self._cursor]
        chosen = (after or fit)[0]
        self._cursor = chosen.id
        return chosen

    def _least_connections(self, fit: list[Worker]) -> Worker:
        return min(fit, key=lambda w: (self._taken[w.id], self._taken[w.id] / w.max_concurrent, w.id))

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
