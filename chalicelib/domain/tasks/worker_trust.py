"""Who gets a task that has failed before, so that one bad worker cannot use up its attempts.

A worker is trusted while its latest attempt did not fail through it, and proven once it has also completed one. A task
that has failed goes to somebody else who is trusted, and waits for them, even if all of them are busy. Its last attempt
goes to a proven worker; where there is none, it waits for the outcome of those who have their first task.

It does not wait for ever for one who has nothing to do and yet takes nothing: who always says that he has no room, or
cannot be reached although he is online. After PATIENCE_MS it goes to the best of the others.
"""

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.worker import Worker

PATIENCE_MS = 300_000
"""So long, and at most for half of the time that it may wait at all, a task waits for workers that hold no task and
take none."""


class Retry(NamedTuple):
    """What is known of a task that has failed before, or may fail only once."""

    failed_on: frozenset[str]
    """Ids of the workers that it failed on."""
    is_last: bool
    """Whether no attempt is left after this one."""
    is_first: bool = False
    """Whether it has not failed yet: then it prefers, but does not wait."""
    is_impatient: bool = False
    """Whether it has waited long enough for workers that hold no task and take none."""


def retry_from_task(task: Task, now: int) -> Retry | None:
    """What is to be heeded in placing the task; None for one that has not failed and may fail once."""
    if not task.attempts and not task.has_one_attempt_left:
        return None
    return Retry(
        frozenset(task.failed_on),
        is_last=task.has_one_attempt_left,
        is_first=not task.attempts,
        is_impatient=_waited_ms(task, now) >= min(PATIENCE_MS, task.schedule_to_start_ms // 2),
    )


def _waited_ms(task: Task, now: int) -> int:
    return now - task.ready_at if task.ready_at is not None else 0


def allowed_workers(fit: Sequence[Worker], expected: Sequence[Worker], retry: Retry) -> list[Worker]:
    """Those of the workers in `fit`, who have room now, who may take it. `expected` are all who could ever take it.

    Empty when it is to wait for somebody better.
    """
    known = fit if retry.is_first else expected
    best = min((_rank(worker, retry) for worker in known), default=None)
    if best is None:
        return []
    if (
        retry.is_last
        and not retry.is_first
        and best == _UNPROVEN
        and any(_is_on_first_task(w, retry) for w in expected)
    ):
        return []
    return [worker for worker in fit if _rank(worker, retry) == best]


_PROVEN, _PROVEN_BUT_FAILED, _UNPROVEN, _TRUSTED_BUT_FAILED, _SUSPECT, _LAST_RESORT = range(6)


def _rank(worker: Worker, retry: Retry) -> int:
    failed = worker.id in retry.failed_on
    if not worker.is_trusted:
        return _LAST_RESORT if failed else _SUSPECT
    if retry.is_last and worker.completed:
        return _PROVEN_BUT_FAILED if failed else _PROVEN
    return _TRUSTED_BUT_FAILED if failed else _UNPROVEN


def _is_on_first_task(worker: Worker, retry: Retry) -> bool:
    """Whether its first task will soon show what may be expected of it."""
    return _rank(worker, retry) == _UNPROVEN and bool(worker.leases)
