"""One dispatch pass: lease a pool's ready tasks, in their order, to the workers that can take them.

A pass reads the pool and its workers (one call), the head of each lane that a free worker can serve (one call each) and
the candidates themselves (one call), then writes each lease as one transaction. The number of reads grows with the free
slots, not with the number of waiting tasks.
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
"""Rows of a lane that are read at once, besides those of tasks that were passed over."""
MAX_PASSED_OVER = 400
"""Tasks that are passed over in a pass because they wait for a better worker than those with free slots."""
MAX_LEASES_PER_PASS = 500
MAX_LANES = 50
"""Lanes that a pool remembers before empty ones are forgotten. A dispatch request opens a lane again, and so does the
sweep after a task has waited in it for a minute."""
CHECK_INTERVAL_MS = 60_000


def run_pass(org: str, pool: str, requests: Iterable[DispatchRequest]) -> int:
    """Lease the tasks that can be leased now. Returns how many were.

    `requests` may name tasks that the index of lanes does not show yet.
    """
    return _Pass(org, pool, list(requests)).run()


@dataclass
class _LaneHead:
    """The first rows of one lane, as the pass read them."""

    limit: int
    is_cut: bool  # fewer rows were asked for than could be placed, so that placeable ones may follow
    rows: list[task_storage.Candidate]

    @property
    def horizon(self) -> str | None:
        """The rank up to which the pass knows all waiting tasks of the lane; None if it knows all of them."""
        return None if self.is_exhausted or not self.rows else self.rows[-1].rank

    @property
    def is_exhausted(self) -> bool:
        """Whether no more tasks wait in the lane."""
        return len(self.rows) < self.limit


class _Pass:
    """One pass over one pool. It reads candidates in rounds, until nothing more can be placed."""

    def __init__(self, org: str, pool: str, requests: list[DispatchRequest]) -> None:
        self._now = clock.now()
        self._org, self._pool = org, pool
        self._before, workers = pool_storage.find_with_workers(org, pool)
        self._lanes = dict(self._before.lanes) | _named_lanes(requests)
        self._workers = builtin_worker.ensure_builtin_worker(org, pool, workers, self._lanes.values())
        self._named = {request.task_id for request in requests if request.task_id is not None}
        self._balancer = Balancer(self._before, self._workers, self._now, ids.fraction)
        self._seen: set[str] = set()
        self._leased = 0
        self._placed = 0
        self._unplaced: list[Task] = []
        self._passed_over: set[str] = set()
        self._waiting = False
        self._empty: set[str] = set()

    def run(self) -> int:
        has_more = True
        while has_more and self._leased < MAX_LEASES_PER_PASS:
            has_more = self._run_round()
        pools.save_dispatch_state(self._before, self._next_pool())
        concurrency_limits.delete_idle(self._before)
        if self._is_check_due:
            backlog.measure_backlog(self._unplaced, self._workers, self._now)
        return self._leased

    def _run_round(self) -> bool:
        """Place one set of candidates. True if there may be more to place."""
        lanes = {name: self._read_lane(name, needs) for name, needs in self._lanes.items()}
        fresh = ({row.task_id for lane in lanes.values() for row in lane.rows} | self._named) - self._seen
        handled = self._handled
        beyond = self._place_all(self._read_candidates(fresh), lanes, _horizon(lanes.values(), fresh))
        self._named = beyond
        self._seen |= fresh - beyond
        self._waiting = bool(self._unplaced) or any(not lane.is_exhausted for lane in lanes.values())
        self._empty = {name for name, lane in lanes.items() if lane.limit and not lane.rows}
        return self._waiting and self._handled > handled

    @property
    def _handled(self) -> int:
        """How many candidates no longer block those behind them."""
        return self._placed + len(self._passed_over)

    def _place_all(self, candidates: list[Task], lanes: Mapping[str, _LaneHead], horizon: str | None) -> set[str]:
        """Place the candidates up to the horizon. Returns the ids of those beyond it: more urgent tasks that were not
        read yet may wait before them."""
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
        """Pass over a task that waits for a better worker than those with free slots. Returns the new horizon: the
        tasks behind it in its lane must be read before any less urgent task is placed."""
        if len(self._passed_over) == MAX_PASSED_OVER or not self._balancer.slots(task.needs):
            return horizon
        self._passed_over.add(task.id)
        ends = [rank for rank in (horizon, lane.horizon if lane is not None else None) if rank is not None]
        return min(ends, default=None)

    def _read_lane(self, name: str, needs: Needs) -> _LaneHead:
        """Read as many rows of a lane as could be placed; if none could, one row if a check is due, to see whether any
        task waits. At most one call."""
        slots = self._balancer.slots(needs)
        wanted = slots + len(self._seen) if slots else int(self._is_check_due)
        limit = min(LANE_PAGE + len(self._passed_over), wanted)
        rows = task_storage.ready_candidates(self._org, self._pool, name, limit) if limit else []
        return _LaneHead(limit, limit < wanted, rows)

    @property
    def _is_check_due(self) -> bool:
        """Whether this is the pool's check of each minute, which also measures the backlog."""
        return self._before.wake_at is not None and self._before.wake_at <= self._now

    def _read_candidates(self, task_ids: set[str]) -> list[Task]:
        """Read the tasks; return those that still wait here, most urgent first, then oldest first. One call."""
        tasks = task_storage.find_many(task_ids) if task_ids else {}
        own = [task for task in tasks.values() if task.is_queued and (task.org, task.pool) == (self._org, self._pool)]
        return sorted(own, key=queue_rank)

    def _place(self, task: Task) -> bool:
        """Lease the task to a worker. False if none has a free slot for it, or its concurrency limit is reached.

        True also for a task that another writer has changed meanwhile: it no longer waits as it was read.
        """
        while (worker := self._balancer.choose(task.needs, worker_trust.retry_from_task(task, self._now))) is not None:
            try:
                self._lease(task, worker)
            except ConditionFailed as error:
                self._balancer.undo_choice(worker.id, task.needs)
                if error.failed[0]:
                    return True
                self._learn_from(error, task, worker)
            else:
                self._leased += 1
                return True
        return False

    def _learn_from(self, error: ConditionFailed, task: Task, worker: Worker) -> None:
        """Choose the worker, or the key of the concurrency limit, no more in this pass."""
        if error.failed[1] or task.concurrency_limit is None:
            self._balancer.exclude_worker(worker.id)
        else:
            self._balancer.exhaust_limit(task.concurrency_limit)

    def _lease(self, task: Task, worker: Worker) -> None:
        """Write the lease: the task, the worker's slot, and the concurrency limit, in one transaction."""
        held = transitions.leased_to(task, worker, clock.now())
        slot = worker_storage.take_slot_write(worker, held)
        task_storage.commit([task_storage.update_write(task, held), slot, *concurrency_limits.acquire_writes(held)])

    def _next_pool(self) -> Pool:
        """The pool's dispatch state after this pass."""
        after = self._balancer.next_pool()
        forgotten = self._lanes_to_forget()
        known = {name: needs for name, needs in self._before.lanes.items() if name not in forgotten}
        lanes = pools.remembered_lanes(
            known, {name: self._lanes[name] for name in self._lanes if name not in forgotten}
        )
        alive = {worker.id for worker in self._workers}
        weights = {name: weight for name, weight in after.weights.items() if name in alive}
        return replace(after, lanes=lanes, weights=weights, wake_at=self._next_check_at())

    def _lanes_to_forget(self) -> set[str]:
        return self._empty if len(self._lanes) > MAX_LANES else set()

    def _next_check_at(self) -> int | None:
        """When the pool is checked again: every minute while tasks wait, in case a dispatch request is lost."""
        planned = self._before.wake_at
        if planned is not None and planned > self._now:
            return planned
        return self._now + CHECK_INTERVAL_MS if self._waiting else None


def _horizon(lanes: Iterable[_LaneHead], fresh: set[str]) -> str | None:
    """The rank up to which the pass knows all ready tasks: behind a full page of one lane, tasks may wait that are more
    urgent than those of other lanes. None if no page was full."""
    ends = [lane.rows[-1] for lane in lanes if lane.is_cut and not lane.is_exhausted]
    return min((end.rank for end in ends if end.task_id in fresh), default=None)


def _named_lanes(requests: Iterable[DispatchRequest]) -> dict[str, Needs]:
    return {each.lane: each.needs for each in requests if each.lane is not None and each.needs is not None}
