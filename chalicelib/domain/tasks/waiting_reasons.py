"""What a pending task waits for, in words that complete "it waits for ...".

The rules that place tasks decide (`Balancer`, `Worker.can_serve`, `Worker.can_take_tasks`); this module names the first
of them that does not hold.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from chalicelib.domain.tasks import worker_trust
from chalicelib.domain.tasks.balancing import Balancer
from chalicelib.domain.tasks.task import ConcurrencyLimit, Needs, Status, Task
from chalicelib.domain.tasks.worker import Health, Pool, Worker
from chalicelib.domain.tasks.working_hours import is_open

MAX_NAMED = 3
"""How many workers, or tasks under a concurrency limit, are named; the others are counted."""
_OUT_OF_ROTATION = {"server": "is in maintenance", "agent": "is disabled"}
"""An API's words for a worker that is out of rotation."""


def unready_reason(task: Task, now: int, by_hand: str) -> str | None:
    """What a task waits for before it is ready: a person's approval, an instant, or `by_hand`, which names its owner's
    action. None if it waits for a worker, or does not wait."""
    if task.status is not Status.PENDING:
        return None
    if task.awaits_approval and task.approval is not None:
        return f"approval: it ends undecided at {_instant(task.approval.expires_at)}"
    if task.run_at is not None and task.run_at > now:
        what = "its next attempt" if task.attempts else "its time"
        return f"{what}: not before {_instant(task.run_at)}"
    return by_hand if task.manual else None


def ready_reason(task: Task, pool: Pool, workers: Iterable[Worker], now: int, kind: str) -> str:
    """What a ready task waits for. `kind` is what the API calls a worker."""
    needs = task.needs
    registered = [worker for worker in workers if not worker.removed]
    chosen = Balancer(pool, registered, now, lambda: 0.0).choose(needs, worker_trust.retry_from_task(task, now))
    if chosen is not None:
        return f"its turn: {_name(chosen)} has room"
    limit = needs.concurrency_limit
    if limit is not None:
        holders = pool.limit_holders.get(limit.key, frozenset())
        if len(holders) >= limit.limit:
            return limit_reason(limit, holders)
    if needs.worker is not None:
        return f"{kind} {needs.worker}, which {_named_worker_obstacle(needs, registered, now, kind)}"
    able = [worker for worker in registered if worker.can_serve(needs)]
    if any(_obstacle(worker, now, kind) is None for worker in able):
        return _better_worker(task, able, now, kind)
    return f"{missing_worker(able, needs, now, kind)}: {_able_workers_obstacle(able, registered, now, kind)}"


def _better_worker(task: Task, able: Sequence[Worker], now: int, kind: str) -> str:
    """What a task waits for that has failed before and must not go to the workers with free slots (`worker_trust`)."""
    better = [worker for worker in able if worker.is_in_service(now) and _obstacle(worker, now, kind) is not None]
    failed = f"after {task.attempts} failed attempt{'s' if task.attempts > 1 else ''}"
    if not better:
        return f"{_with_article(kind)} that has completed a task, {failed}"
    return f"room on a more reliable {kind}, {failed}: {_listed_obstacles(better, now, kind)}"


def _named_worker_obstacle(needs: Needs, workers: Sequence[Worker], now: int, kind: str) -> str:
    """Why the only worker that may take the task does not, as a predicate."""
    worker = next((worker for worker in workers if worker.id == needs.worker), None)
    if worker is None:
        return "is not registered"
    if not worker.can_serve(needs):
        return f"does not offer {_joined(sorted(needs.capabilities)) or 'that'}"
    _, phrase = _obstacle(worker, now, kind) or (0, "has to complete another task first")
    return phrase


def missing_worker(able: Sequence[Worker], needs: Needs, now: int, kind: str) -> str:
    """What is missing if no able worker can get more tasks: a live worker, one in rotation, or a free slot."""
    live = [worker for worker in able if is_live(worker, now)]
    if not live:
        return f"a live {kind}{_needs_phrase(needs)}"
    if not any(worker.is_online for worker in live):
        return f"{_with_article(kind)} in rotation{_needs_phrase(needs)}"
    return f"room on {_with_article(kind)}{_needs_phrase(needs)}"


def limit_reason(limit: ConcurrencyLimit, holders: Iterable[str]) -> str:
    """What a task waits for whose concurrency limit is reached, with the tasks that are held."""
    held = sorted(holders)
    named = ", ".join(held[:MAX_NAMED]) + (", ..." if len(held) > MAX_NAMED else "")
    return f"its turn on {limit.key}: {len(held)} of {limit.limit} in use by {named}"


def _needs_phrase(needs: Needs) -> str:
    group = f" in group {needs.group}" if needs.group is not None else ""
    offers = f" that offers {_joined(sorted(needs.capabilities))}" if needs.capabilities else ""
    return f"{group}{offers}"


def _able_workers_obstacle(able: Sequence[Worker], workers: Sequence[Worker], now: int, kind: str) -> str:
    if not able:
        return _no_able_worker(workers, kind)
    if len(able) > 1 and all(worker.can_take_tasks(now) for worker in able):
        used, slots = sum(len(worker.leases) for worker in able), sum(worker.slots for worker in able)
        return f"all {len(able)} are busy ({used} of {slots} slots in use)"
    return _listed_obstacles(able, now, kind)


def _listed_obstacles(workers: Sequence[Worker], now: int, kind: str) -> str:
    """What keeps each worker from taking a task, the one that is closest to it first."""
    obstacles = sorted((_obstacle(worker, now, kind) or (0, ""), _name(worker)) for worker in workers)
    named = [f"{name} {phrase}" for (_, phrase), name in obstacles[:MAX_NAMED]]
    more = len(obstacles) - MAX_NAMED
    return ", ".join(named) + (f", and {more} more cannot take it" if more > 0 else "")


def _no_able_worker(workers: Sequence[Worker], kind: str) -> str:
    count = sum(not worker.is_built_in for worker in workers)
    if count > 1:
        return f"none of the {count} registered {kind}s does"
    return f"the one registered {kind} does not" if count else "none is registered"


def _obstacle(worker: Worker, now: int, kind: str) -> tuple[int, str] | None:
    """Why the worker can take no task now, after a rank: the lower, the sooner it can. None if it can."""
    if worker.can_take_tasks(now):
        busy = f"is busy ({len(worker.leases)} of {worker.slots} slots in use)"
        return None if worker.slots > len(worker.leases) else (0, busy)
    checks = (
        (not is_live(worker, now), 5, "is not connected" if worker.socket else "is offline"),
        (worker.maintenance, 3, _OUT_OF_ROTATION.get(kind, "is out of rotation")),
        (worker.health is Health.UNHEALTHY, 4, "says that it is unhealthy"),
        (not is_open(worker.hours, now), 2, "is outside its working hours"),
    )
    return next(((rank, phrase) for holds, rank, phrase in checks if holds), (1, _rest_phrase(worker, now)))


def _rest_phrase(worker: Worker, now: int) -> str:
    until = worker.resting_until(now)
    if until is None:
        return "takes no tasks now"
    if worker.on_trial:
        return "rests until it has answered the task that it has, since it could not be reached before"
    why = ", since it could not be reached" if worker.suspended_until is not None else ""
    return f"rests until {_instant(until) if until > now else 'it has been probed'}{why}"


def is_live(worker: Worker, now: int) -> bool:
    """Whether the worker is alive and connected, in rotation or not."""
    return worker.alive and not worker.is_silent(now) and (worker.connection is not None or not worker.socket)


def _name(worker: Worker) -> str:
    return "the built-in performer" if worker.is_built_in else worker.id


def _instant(at: int) -> str:
    """An instant in epoch milliseconds as text, rounded up to the second."""
    return datetime.fromtimestamp(-(-at // 1000), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"


def _joined(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
