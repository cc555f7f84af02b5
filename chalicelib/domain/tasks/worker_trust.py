"""Which worker gets a task that has failed before, so that one bad worker cannot use up its attempts.

A worker is trusted while its latest attempt did not fail by its fault, and proven once it has also completed one. A
task that has failed goes to another trusted worker, and waits for one even if all of them are busy. Its last attempt
goes to a proven worker; if there is none, it waits for the outcome of workers that have their first task.

It does not wait for ever for a worker that has no task and yet takes none, because it always answers that it is busy or
cannot be reached although it is online. After PATIENCE_MS it goes to the best of the others.
"""

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.worker import Worker

PATIENCE_MS = 300_000
"""How long a task waits for workers that hold no task and take none; at most half of its schedule-to-start time."""


class Retry(NamedTuple):
    """What decides about a task that has failed before, or has one attempt only."""

    failed_on: frozenset[str]
    """Ids of the workers on which it has failed."""
    is_last: bool
    """Whether no attempt is left after this one."""
    is_first: bool = False
    """Whether it has not failed yet: then it prefers a worker, but does not wait for it."""
    is_impatient: bool = False
    """Whether it has waited long enough for workers that hold no task and take none."""


def retry_from_task(task: Task, now: int) -> Retry | None:
    """Build the retry of a task. None for a task that has not failed and may fail once."""
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
    """The workers that may take the task, of those in `fit`, which have a free slot. `expected` are all workers that
    could take it at any time.

    Empty if the task must wait for a better worker.
    """
    candidates = fit if retry.is_first else expected
    best = min((_rank(worker, retry) for worker in candidates), default=None)
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
    has_failed = worker.id in retry.failed_on
    if not worker.is_trusted:
        return _LAST_RESORT if has_failed else _SUSPECT
    if retry.is_last and worker.completed:
        return _PROVEN_BUT_FAILED if has_failed else _PROVEN
    return _TRUSTED_BUT_FAILED if has_failed else _UNPROVEN


def _is_on_first_task(worker: Worker, retry: Retry) -> bool:
    """Whether the worker has its first task, whose outcome decides about it."""
    return _rank(worker, retry) == _UNPROVEN and bool(worker.leases)
