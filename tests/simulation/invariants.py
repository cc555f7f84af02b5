"""The promises as functions of what is stored and what happened. Each raises AssertionError naming the culprit.

Those of `ALWAYS` hold at any moment, between any two calls; those of `AT_REST` once everything was relayed.
"""

from collections import Counter, defaultdict

from chalicelib.config import settings
from chalicelib.domain import counting, statistics
from chalicelib.domain.statistics import Counts
from chalicelib.domain.tasks import Status, Task, Worker
from chalicelib.storage import task_table
from tests.support import aws
from tests.support.world import World

History = list[tuple[Task | None, Task]]
"""Every change of every task, in order, from the table's own stream."""


def history(_: World) -> History:
    """What the tasks table says happened to it."""
    changes: History = []
    for record in aws.stream(settings().tasks_table):
        old, new = (record["dynamodb"].get(name) for name in ("OldImage", "NewImage"))
        if new is not None:
            changes.append((task_table.from_raw(old) if old else None, task_table.from_raw(new)))
    return changes


def nothing_is_forgotten(world: World) -> None:
    """1: a task is terminal, or has a moment at which it will be looked at."""
    for task in world.tasks():
        assert task.terminal or task.wake_at is not None, f"{task.id} is {task.status} and will never wake"


def slots_equal_leases(world: World) -> None:
    """2, 3: a worker's slots are exactly the leases of the tasks it holds, and never more than it may have."""
    held: dict[str, dict[str, int]] = defaultdict(dict)
    for task in world.tasks():
        if task.held:
            assert task.worker_id is not None
            held[task.worker_id][task.id] = task.epoch
    for worker in world.workers():
        assert dict(worker.leases) == held.pop(worker.id, {}), f"{worker.id}: slots differ from the leases"
        assert len(worker.leases) <= worker.max_concurrent, f"{worker.id} holds too much"
    assert not held, f"leases of workers that are gone: {dict(held)}"


def attempts_stay_within_bounds(world: World) -> None:
    """4: never more attempts than allowed."""
    for task in world.tasks():
        assert task.attempts <= task.max_attempts, f"{task.id}: {task.attempts} of {task.max_attempts} attempts"


def the_past_is_lawful(world: World) -> None:
    """2, 4: epochs and attempts never fall, an ended task changes only by a replay, the cancelled never start."""
    for old, new in history(world):
        if old is None:
            continue
        assert new.version == old.version + 1, f"{new.id}: version {old.version} -> {new.version}"
        assert old.epoch <= new.epoch <= old.epoch + 1 and new.attempts >= old.attempts, f"{new.id} went back"
        assert new.epoch == old.epoch or old.status is Status.PENDING, f"{new.id}: leased from {old.status}"
        if old.terminal:
            replayed = old.status in (Status.FAILED, Status.TIMED_OUT) and new.status is Status.PENDING
            assert replayed, f"{new.id}: {old.status} -> {new.status}"


def urgent_tasks_go_first(world: World) -> None:
    """5: nobody is leased a task while a more urgent one that it could take is ready, in a lane the pool knows."""
    ready: dict[str, Task] = {}
    known: set[str] = set()
    workers = {worker.id: worker for worker in world.workers()}
    for old, new in history(world):
        if old is not None and new.epoch > old.epoch and new.worker_id in workers:
            known.add(new.lane)
            _no_more_urgent(new, workers[new.worker_id], ready, known)
        if new.ready:
            ready[new.id] = new
        else:
            ready.pop(new.id, None)


def _no_more_urgent(taken: Task, worker: Worker, ready: dict[str, Task], known: set[str]) -> None:
    for other in ready.values():
        if other.id != taken.id and other.lane in known and worker.offers(other.needs):
            assert other.priority <= taken.priority, f"{taken.id} was leased before the more urgent {other.id}"


def the_log_is_the_history(world: World) -> None:
    """6: every task's entries in the log are its transitions, each once."""
    expected: Counter[tuple[str, str]] = Counter()
    for old, new in history(world):
        kind = _transition(old, new)
        if kind is not None:
            expected[(new.id, kind)] += 1
    logged = Counter((event.subject, str(event.kind)) for event in world.log() if event.subject.startswith("task_"))
    assert logged == expected, f"log and history differ: {logged - expected} / {expected - logged}"


def _transition(old: Task | None, new: Task) -> str | None:
    """Told apart by states alone, not by the rules that are under test."""
    if old is None:
        return "submitted"
    if new.status is old.status:
        return None
    if new.status is Status.RUNNING:
        return "started"
    if new.status is not Status.PENDING:
        return str(new.status)
    if old.terminal:
        return "replayed"
    return "retried" if new.attempts > old.attempts else "released"


def counters_equal_a_recount(world: World) -> None:
    """6: every row is what a recount of the log makes of it."""
    counted = counting.deltas(world.log())
    stored = world.rows()
    for row in counted.keys() | stored.keys():
        assert _nonzero(stored.get(row)) == _nonzero(counted.get(row)), f"{row} differs from its recount"


def _nonzero(counts: Counts | None) -> dict[str, int]:
    return {name: value for name, value in (counts.values if counts else {}).items() if value}


def gauges_equal_the_tasks(world: World) -> None:
    """6: what the counters call pending and active is what there is."""
    now: dict[str, Counter[str]] = defaultdict(Counter)
    for task in world.tasks():
        where = statistics.lifetime(task.org, task.pool)
        now[where]["pending"] += task.status is Status.PENDING
        now[where]["active"] += task.held
    for where, counts in now.items():
        row = world.rows().get((where, statistics.NOW), Counts())
        assert (row["pending"], row["active"]) == (counts["pending"], counts["active"]), f"{where}: gauges are off"


def results_were_accepted_once(world: World) -> None:
    """2: at most one completion for each task."""
    completed = Counter(new.id for _, new in history(world) if new.status is Status.COMPLETED)
    assert all(count == 1 for count in completed.values()), f"completed more than once: {completed}"


ALWAYS = (nothing_is_forgotten, slots_equal_leases, attempts_stay_within_bounds)
AT_REST = (
    *ALWAYS,
    the_past_is_lawful,
    results_were_accepted_once,
    the_log_is_the_history,
    counters_equal_a_recount,
    gauges_equal_the_tasks,
)
