"""One dispatch pass: the ready tasks of a pool, in order, to the workers that can take them.

A pass reads the pool's memory and workers (one call), the head of each lane that a free worker could serve (one call
each) and the candidates themselves (one call), then writes each match as one transaction. What it reads grows with the
free slots, never with the number of tasks that wait.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from chalicelib import clock, ids
from chalicelib.domain.changes.effects import DispatchRequest
from chalicelib.domain.tasks import transitions, worker_trust
from chalicelib.domain.tasks.balancing import Balancer
from chalicelib.domain.tasks.task import Needs, Task
from chalicelib.domain.tasks.worker import Pool, Worker
from chalicelib.engine.statistics import backlog
from chalicelib.engine.tasks import concurrency_limits
from chalicelib.engine.workers import builtin_worker, pools
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.tasks.table import queue_rank
from chalicelib.storage.workers import pools as pool_storage
from chalicelib.storage.workers import workers as worker_storage

LANE_PAGE = 100
"""The most rows read of a lane at once, besides those that wait for a better worker than those who have room."""
MAX_PASSED_OVER = 400
"""So many tasks that wait for a better worker are passed over, to reach those behind them."""
MAX_LEASES_PER_PASS = 500
MAX_LANES = 50
"""How many lanes a pool may remember before empty ones are forgotten; a nudge opens a lane again, and so does the
sweep when a task has waited in it for a minute."""
LOOK_AGAIN_MS = 60_000


def run_pass(org: str, pool: str, nudges: Iterable[DispatchRequest]) -> int:
    """Lease what can be leased now; returns how many tasks were. `nudges` may name tasks an index does not show yet."""
    return _Pass(org, pool, list(nudges)).run()


@dataclass
class _LaneHead:
    """What a pass found in one lane."""

    limit: int
    is_cut: bool  # there may be more behind the page than could be placed
    rows: list[task_storage.Candidate]

    @property
    def horizon(self) -> str | None:
        """The rank up to which all is known that waits in the lane; None when that is all of it."""
        return None if self.drained or not self.rows else self.rows[-1].rank

    @property
    def drained(self) -> bool:
        return len(self.rows) < self.limit


class _Pass:
    def __init__(self, org: str, pool: str, nudges: list[DispatchRequest]) -> None:
        self._now = clock.now()
        self._org, self._pool = org, pool
        self._before, crew = pool_storage.find_with_workers(org, pool)
        self._workers = builtin_worker.ensure_builtin_worker(org, pool, crew)
        self._lanes = dict(self._before.lanes) | _named_lanes(nudges)
        self._named = {nudge.task_id for nudge in nudges if nudge.task_id is not None}
        self._balancer = Balancer(self._before, self._workers, self._now, ids.fraction)
        self._seen: set[str] = set()
        self._leased = 0
        self._placed = 0
        self._unplaced: list[Task] = []
        self._passed_over: set[str] = set()
        self._waiting = False
        self._empty: set[str] = set()

    def run(self) -> int:
        again = True
        while again and self._leased < MAX_LEASES_PER_PASS:
            again = self._round()
        pools.save_dispatch_state(self._before, self._memory())
        concurrency_limits.delete_idle(self._before)
        if self._asked_for_backlog:
            backlog.measure_backlog(self._unplaced, self._workers, self._now)
        return self._leased

    def _round(self) -> bool:
        """Place one set of candidates; True when there may be more to place."""
        found = {name: self._look(name, needs) for name, needs in self._lanes.items()}
        fresh = ({row.task_id for lane in found.values() for row in lane.rows} | self._named) - self._seen
        moved = self._moved
        beyond = self._place_all(self._candidates(fresh), found, _horizon(found.values(), fresh))
        self._named = beyond
        self._seen |= fresh - beyond
        self._waiting = bool(self._unplaced) or any(not lane.drained for lane in found.values())
        self._empty = {name for name, lane in found.items() if lane.limit and not lane.rows}
        return self._waiting and self._moved > moved

    @property
    def _moved(self) -> int:
        """How many candidates no longer stand before others."""
        return self._placed + len(self._passed_over)

    def _place_all(self, candidates: list[Task], lanes: Mapping[str, _LaneHead], horizon: str | None) -> set[str]:
        """Place the candidates up to the horizon, behind which more urgent ones may wait that were not read yet;
        answers those beyond it."""
        beyond = set[str]()
        for task in candidates:
            if horizon is not None and queue_rank(task) > horizon:
                beyond.add(task.id)
            elif self._place(task):
                self._placed += 1
            else:
                self._unplaced.append(task)
                horizon = self._pass_over(task, lanes.get(task.lane), horizon)
        return beyond

    def _pass_over(self, task: Task, lane: _LaneHead | None, horizon: str | None) -> str | None:
        """Let others go before a task that waits for a better worker than those who have room; answers the horizon:
        those behind it in its lane must be read before anything less urgent is placed."""
        if len(self._passed_over) == MAX_PASSED_OVER or not self._balancer.slots(task.needs):
            return horizon
        self._passed_over.add(task.id)
        ends = [rank for rank in (horizon, lane.horizon if lane is not None else None) if rank is not None]
        return min(ends, default=None)

    def _look(self, name: str, needs: Needs) -> _LaneHead:
        """The head of a lane, as much as could be placed; of one that nobody can serve, whether anything waits."""
        slots = self._balancer.slots(needs)
        wanted = slots + len(self._seen) if slots else int(self._asked_for_backlog)
        limit = min(LANE_PAGE + len(self._passed_over), wanted)
        rows = task_storage.ready_candidates(self._org, self._pool, name, limit) if limit else []
        return _LaneHead(limit, limit < wanted, rows)

    @property
    def _asked_for_backlog(self) -> bool:
        return self._before.wake_at is not None and self._before.wake_at <= self._now

    def _candidates(self, task_ids: set[str]) -> list[Task]:
        """The tasks as they are now, those that are ready, most urgent and oldest first."""
        found = task_storage.find_many(task_ids) if task_ids else {}
        mine = [task for task in found.values() if task.is_queued and (task.org, task.pool) == (self._org, self._pool)]
        return sorted(mine, key=queue_rank)

    def _place(self, task: Task) -> bool:
        """Lease the task to somebody; False when nobody has room for it, or it has no permit."""
        while (worker := self._balancer.choose(task.needs, worker_trust.retry_from_task(task, self._now))) is not None:
            try:
                self._lease(task, worker)
            except ConditionFailed as refused:
                self._balancer.undo_choice(worker.id, task.needs)
                if refused.failed[0]:
                    return True
                self._learn(task, worker, refused)
            else:
                self._leased += 1
                return True
        return False

    def _learn(self, task: Task, worker: Worker, refused: ConditionFailed) -> None:
        if refused.failed[1] or task.concurrency_limit is None:
            self._balancer.exclude_worker(worker.id)
        else:
            self._balancer.exhaust_limit(task.concurrency_limit)

    def _lease(self, task: Task, worker: Worker) -> None:
        now = clock.now()
        held = transitions.leased(task, worker.id, now, handed=worker.needs_handover, attempt_ms=worker.attempt_ms)
        slot = worker_storage.take_slot_write(worker, held)
        task_storage.commit([task_storage.update_write(task, held), slot, *concurrency_limits.acquire_writes(held)])

    def _memory(self) -> Pool:
        after = self._balancer.next_pool()
        forgotten = self._forgotten()
        known = {name: needs for name, needs in self._before.lanes.items() if name not in forgotten}
        lanes = pools.remembered_lanes(
            known, {name: self._lanes[name] for name in self._lanes if name not in forgotten}
        )
        alive = {worker.id for worker in self._workers}
        weights = {name: weight for name, weight in after.weights.items() if name in alive}
        return replace(after, lanes=lanes, weights=weights, wake_at=self._next_look())

    def _forgotten(self) -> set[str]:
        return self._empty if len(self._lanes) > MAX_LANES else set()

    def _next_look(self) -> int | None:
        """While anything waits the pool is looked at again every minute, whatever happens to its nudges."""
        marked = self._before.wake_at
        if marked is not None and marked > self._now:
            return marked
        return self._now + LOOK_AGAIN_MS if self._waiting else None


def _horizon(lanes: Iterable[_LaneHead], fresh: set[str]) -> str | None:
    """The rank up to which all is known that is ready: behind a full page, more urgent tasks than another lane's may
    wait. None when no page was full."""
    ends = [lane.rows[-1] for lane in lanes if lane.is_cut and not lane.drained]
    return min((end.rank for end in ends if end.task_id in fresh), default=None)


def _named_lanes(nudges: Iterable[DispatchRequest]) -> dict[str, Needs]:
    return {nudge.lane: nudge.needs for nudge in nudges if nudge.lane is not None and nudge.needs is not None}
