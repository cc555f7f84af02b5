"""The circuit breaker of a worker: what a failed handover means for the next ones.

A handover that certainly did not arrive (no such host, refused, no TLS) means that the worker cannot be reached. It
gets no task until a probe has reached it, and then one task, whose handover decides. Pauses between probes double.
After OFFLINE_AFTER failures in a row the worker is offline, unless it gave a sign of life since the first of them.
Probes go on while it is offline.

An attempt that failed by the worker's fault (no sign of life, a cut connection, a 5xx) says less, since the task may be
the cause. After FAILURES_IN_A_ROW of them, with no completion in between, the worker gets one task at a
time, each after a pause, until it completes one (`Worker.slots`, `Worker.can_take_tasks`).
"""

from dataclasses import replace

from chalicelib.domain.backoff import MAX_OFFLINE_PAUSE_MS, MAX_PAUSE_MS, doubling_pause_ms
from chalicelib.domain.tasks.worker import Worker

OFFLINE_AFTER = 3
"""Handovers and probes in a row that did not arrive, after which a worker without a sign of life is offline."""
TRIAL_MS = 120_000
"""How long the handover that decides about a worker may take before the worker is probed again."""


def unreached(worker: Worker, now: int) -> Worker:
    """The worker after a handover or a probe that certainly did not arrive: suspended until the next probe.

    Several at once count as one, because those that were under way when the first one failed say nothing new.
    """
    if worker.suspended_until is not None and worker.suspended_until > now and not worker.on_trial:
        return worker
    count = worker.unreached + 1
    until = now + doubling_pause_ms(count, MAX_PAUSE_MS if worker.alive else MAX_OFFLINE_PAUSE_MS)
    since = worker.unreached_since if worker.unreached_since is not None else now
    return _suspended(replace(worker, unreached=count, unreached_since=since, on_trial=False), until)


def tried(worker: Worker, now: int) -> Worker:
    """The worker after it was leased a task. If it could not be reached before, it gets no other task until the
    handover of this one has arrived."""
    if not worker.unreached:
        return worker
    return _suspended(replace(worker, on_trial=True), now + TRIAL_MS)


def postponed(worker: Worker, until: int) -> Worker:
    """The worker whose deciding task was given back before its handover: it is probed again at `until`."""
    return _suspended(replace(worker, on_trial=False), until)


def _suspended(worker: Worker, until: int) -> Worker:
    wake_at = until if worker.wake_at is None else min(worker.wake_at, until)
    return replace(worker, suspended_until=until, wake_at=wake_at)


def is_being_probed(worker: Worker) -> bool:
    """Whether a handover did not arrive, and the probes that decide about the worker go on."""
    return worker.suspended_until is not None and worker.unreached < OFFLINE_AFTER


def should_go_offline(worker: Worker) -> bool:
    """Whether OFFLINE_AFTER handovers and probes did not arrive, without a sign of life meanwhile."""
    if worker.unreached < OFFLINE_AFTER or worker.unreached_since is None:
        return False
    return worker.last_heartbeat_at <= worker.unreached_since


def answered(worker: Worker) -> Worker:
    """The worker after a probe that reached it, or a sign of life: it may get one task."""
    if worker.suspended_until is None:
        return worker
    return replace(worker, suspended_until=None, on_trial=False)


def reached(worker: Worker) -> Worker:
    """The worker after a handover that arrived: as if none had failed."""
    if not worker.unreached and worker.suspended_until is None:
        return worker
    return replace(worker, unreached=0, unreached_since=None, suspended_until=None, on_trial=False)
