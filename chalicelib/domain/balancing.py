"""Who takes which task: capability match, free slots, and the balancing algorithms.

One `Balancer` serves one dispatch pass: it is told the pool's memory and the workers, gives out slots one by one, and
hands the memory back for the next pass.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import StrEnum

from chalicelib.domain.tasks import Health, Needs, Pool, Worker


class Algorithm(StrEnum):
    """How a worker is chosen among those that could take a task."""

    ROUND_ROBIN = "round-robin"
    LEAST_CONNECTIONS = "least-connections"
    WEIGHTED_ROUND_ROBIN = "weighted-round-robin"
    RANDOM = "random"


class Balancer:
    """Gives out the free slots of a pool's workers."""

    def __init__(self, pool: Pool, workers: Iterable[Worker], now: int, chance: Callable[[], float]) -> None:
        self._free = {w.id: w for w in sorted(workers, key=lambda w: w.id) if w.accepting(now)}
        self._taken = {w.id: len(w.leases) for w in self._free.values()}
        self._cursor = pool.cursor
        self._weights = dict(pool.weights)
        self._pool = pool
        self._chance = chance

    def slots(self, needs: Needs) -> int:
        """Free slots on workers that can do work with these needs."""
        return sum(self._room(w) for w in self._free.values() if w.offers(needs))

    def choose(self, needs: Needs, avoid: str | None = None) -> Worker | None:
        """The worker for the next task with these needs, its slot taken; None when none has room.

        A healthy worker comes before a degraded one, and any other before the one to avoid.
        """
        fit = [w for w in self._free.values() if w.offers(needs) and self._room(w)]
        if not fit:
            return None
        chosen = _ALGORITHMS[Algorithm(self._pool.algorithm)](self, _preferred(fit, avoid))
        self._taken[chosen.id] += 1
        return chosen

    def drop(self, worker_id: str) -> None:
        """Give this worker nothing more in this pass: it turned out to be full, gone or out of rotation."""
        self._free.pop(worker_id, None)

    def memory(self) -> Pool:
        """The pool with what the next pass must remember."""
        return replace(self._pool, cursor=self._cursor, weights=self._weights)

    def _room(self, worker: Worker) -> int:
        return max(0, worker.max_concurrent - self._taken[worker.id])

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


def _preferred(fit: list[Worker], avoid: str | None) -> list[Worker]:
    others = [w for w in fit if w.id != avoid] or fit
    return [w for w in others if w.health is Health.HEALTHY] or others
