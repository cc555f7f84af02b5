"""What a pending task waits for, in words that complete "it waits for ...".

The rules are those that place tasks (`Balancer`, `Worker.offers`, `Worker.accepting`): they decide, and what is here
names the first of them that does not hold.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from chalicelib.domain.tasks import worker_trust
from chalicelib.domain.tasks.balancing import Balancer
from chalicelib.domain.tasks.task import Needs, Permit, Status, Task
from chalicelib.domain.tasks.worker import Health, Pool, Worker
from chalicelib.domain.tasks.working_hours import is_open

NAMED = 3
"""How many workers, or holders of a permit, are named; the others are counted."""
_OUT = {"server": "is in maintenance", "agent": "is disabled"}
"""What it is called in an API that somebody took a worker out of rotation."""


def until_placed(task: Task, now: int, by_hand: str) -> str | None:
    """What stands before its placement: a moment, or what its owner has to do, which is said as `by_hand`; None when it
    waits for a worker, or waits no longer."""
    if task.status is not Status.PENDING:
        return None
    if task.run_at is not None and task.run_at > now:
        what = "its next attempt" if task.attempts else "its time"
        return f"{what}: not before {_instant(task.run_at)}"
    return by_hand if task.manual else None


def placement(task: Task, pool: Pool, workers: Iterable[Worker], now: int, kind: str) -> str:
    """What a ready task waits for; `kind` is what the API calls a worker."""
    needs = task.needs
    crew = [worker for worker in workers if not worker.removed]
    chosen = Balancer(pool, crew, now, lambda: 0.0).choose(needs, worker_trust.retry_of(task, now))
    if chosen is not None:
        return f"its turn: {_name(chosen)} has room"
    holders = pool.permits.get(needs.permit.key, frozenset()) if needs.permit is not None else frozenset()
    if needs.permit is not None and len(holders) >= needs.permit.limit:
        return turn(needs.permit, holders)
    if needs.worker is not None:
        return f"{kind} {needs.worker}, which {_why_not(needs, crew, now, kind)}"
    able = [worker for worker in crew if worker.offers(needs)]
    if any(_obstacle(worker, now, kind) is None for worker in able):
        return _somebody_better(task, able, now, kind)
    return f"{missing(able, needs, now, kind)}: {_why(able, crew, now, kind)}"


def _somebody_better(task: Task, able: Sequence[Worker], now: int, kind: str) -> str:
    """What a task waits for that has failed before, and is not risked on those who have room (domain.trust)."""
    better = [worker for worker in able if worker.expected(now) and _obstacle(worker, now, kind) is not None]
    failed = f"after {task.attempts} failed attempt{'s' if task.attempts > 1 else ''}"
    if not better:
        return f"{_a(kind)} that has completed a task, {failed}"
    return f"room on a more reliable {kind}, {failed}: {_named(better, now, kind)}"


def _why_not(needs: Needs, crew: Sequence[Worker], now: int, kind: str) -> str:
    """Why the one worker that may take it does not, as a predicate."""
    worker = next((worker for worker in crew if worker.id == needs.worker), None)
    if worker is None:
        return "is not registered"
    if not worker.offers(needs):
        return f"does not offer {_and(sorted(needs.capabilities)) or 'that'}"
    _, phrase = _obstacle(worker, now, kind) or (0, "has to complete another task first")
    return phrase


def missing(able: Sequence[Worker], needs: Needs, now: int, kind: str) -> str:
    """What is missing, where none of the workers that could do it can be given more: a live one, one in rotation, or
    room."""
    live = [worker for worker in able if is_live(worker, now)]
    if not live:
        return f"a live {kind}{_wanted(needs)}"
    if not any(worker.online for worker in live):
        return f"{_a(kind)} in rotation{_wanted(needs)}"
    return f"room on {_a(kind)}{_wanted(needs)}"


def turn(permit: Permit, holders: Iterable[str]) -> str:
    """What a task waits for that finds no permit left, and who is before it."""
    known = sorted(holders)
    named = ", ".join(known[:NAMED]) + (", ..." if len(known) > NAMED else "")
    return f"its turn on {permit.key}: {len(known)} of {permit.limit} in use by {named}"


def _wanted(needs: Needs) -> str:
    group = f" in group {needs.group}" if needs.group is not None else ""
    offers = f" that offers {_and(sorted(needs.capabilities))}" if needs.capabilities else ""
    return f"{group}{offers}"


def _why(able: Sequence[Worker], crew: Sequence[Worker], now: int, kind: str) -> str:
    if not able:
        return _nobody(crew, kind)
    if len(able) > 1 and all(worker.accepting(now) for worker in able):
        used, slots = sum(len(worker.leases) for worker in able), sum(worker.slots for worker in able)
        return f"all {len(able)} are busy ({used} of {slots} slots in use)"
    return _named(able, now, kind)


def _named(workers: Sequence[Worker], now: int, kind: str) -> str:
    """What keeps each of them from taking a task, the nearest to it first."""
    found = sorted((_obstacle(worker, now, kind) or (0, ""), _name(worker)) for worker in workers)
    named = [f"{name} {phrase}" for (_, phrase), name in found[:NAMED]]
    more = len(found) - NAMED
    return ", ".join(named) + (f", and {more} more cannot take it" if more > 0 else "")


def _nobody(crew: Sequence[Worker], kind: str) -> str:
    count = sum(not worker.built_in for worker in crew)
    if count > 1:
        return f"none of the {count} registered {kind}s does"
    return f"the one registered {kind} does not" if count else "none is registered"


def _obstacle(worker: Worker, now: int, kind: str) -> tuple[int, str] | None:
    """Why the worker can be given no task now, and how far it is from it: the nearest first. None where it can."""
    if worker.accepting(now):
        busy = f"is busy ({len(worker.leases)} of {worker.slots} slots in use)"
        return None if worker.slots > len(worker.leases) else (0, busy)
    checks = (
        (not is_live(worker, now), 5, "is not connected" if worker.socket else "is offline"),
        (worker.maintenance, 3, _OUT.get(kind, "is out of rotation")),
        (worker.health is Health.UNHEALTHY, 4, "says that it is unhealthy"),
        (not is_open(worker.hours, now), 2, "is outside its working hours"),
    )
    return next(((rank, phrase) for holds, rank, phrase in checks if holds), (1, _rests(worker, now)))


def _rests(worker: Worker, now: int) -> str:
    until = worker.resting_until(now)
    if until is None:
        return "takes no tasks now"
    if worker.on_trial:
        return "rests until it has answered the task that it has, since it could not be reached before"
    why = ", since it could not be reached" if worker.suspended_until is not None else ""
    return f"rests until {_instant(until) if until > now else 'it has been probed'}{why}"


def is_live(worker: Worker, now: int) -> bool:
    """Whether it is there, in rotation or not."""
    return worker.alive and not worker.silent(now) and (worker.connection is not None or not worker.socket)


def _name(worker: Worker) -> str:
    return "the built-in performer" if worker.built_in else worker.id


def _instant(at: int) -> str:
    """An instant in epoch milliseconds as text, to the second, and no earlier than it is."""
    return datetime.fromtimestamp(-(-at // 1000), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
