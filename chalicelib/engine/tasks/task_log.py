"""The log of a task's life: one line at INFO each when it is accepted, leased, handed over, answered, started, retried,
released, and when it ends (docs/how-to/operate.md).

A line carries ids, numbers and words of a fixed list: no payload, no result, and no text that a worker wrote. `at` is
when it happened; the line's own timestamp is when it was written, `lag_ms` later: by how much the relay is behind.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib import clock
from chalicelib.domain.changes.effects import Event, EventKind
from chalicelib.domain.tasks.push_responses import Accepted, Busy, Done, Verdict
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.transitions import Failure
from chalicelib.engine.tasks.history import EventName, TaskChange, event_name
from chalicelib.observability import info, logs_info

ENDED = "Task ended"
MESSAGES = {
    EventKind.SUBMITTED: "Task accepted",
    EventKind.LEASED: "Task leased",
    EventKind.TAKEN: "Task begun by a person",
    EventKind.STARTED: "Task started",
    EventKind.RETRIED: "Task retried",
    EventKind.RELEASED: "Task released",
    EventKind.REPLAYED: "Task replayed",
    EventKind.COMPLETED: ENDED,
    EventKind.FAILED: ENDED,
    EventKind.TIMED_OUT: ENDED,
    EventKind.CANCELLED: ENDED,
}
"""What the line of an event says. Events that are not here leave the task where it was."""


def log_events(events: Sequence[Event], changes: Mapping[EventName, TaskChange]) -> None:
    """Log what these events mean for their tasks, which `changes` has by the events' names. Events of workers are not
    logged."""
    for event in events if logs_info() else ():
        old, new = changes.get(event_name(event), (None, None))
        if new is not None and event.kind in MESSAGES:
            info(MESSAGES[event.kind], **_event_fields(event, old, new))


def _event_fields(event: Event, old: Task | None, new: Task) -> dict[str, Any]:
    return {
        **_ids(new, event.at),
        **_holder(old, new),
        "attempt": new.attempt if event.attempt is None else event.attempt,
        "status": str(new.status),
        "lag_ms": clock.now() - event.at,
        "waited_ms": event.waited_ms,
        "took_ms": event.took_ms,
        "whole_ms": event.whole_ms,
        "reason": new.release_reason if event.kind is EventKind.RELEASED else event.reason,
        **_own_fields(event.kind, new),
    }


def _holder(old: Task | None, new: Task) -> dict[str, str | None]:
    """Who held the task up to this change, or holds it now. A pending task names no earlier holder."""
    if old is not None and old.is_held:
        return {"worker_id": old.worker_id, "person": old.person}
    person = new.person if new.status is not Status.PENDING else None
    return {"worker_id": new.worker_id if new.is_held else None, "person": person}


def _own_fields(kind: EventKind, task: Task) -> dict[str, Any]:
    """What only lines of this kind carry."""
    match kind:
        case EventKind.SUBMITTED:
            delay = task.run_at - task.created_at if task.run_at is not None else None
            return {"priority": task.priority, "max_attempts": task.max_attempts, "delay_ms": delay}
        case EventKind.RETRIED:
            return {"retry_in_ms": task.run_at - task.updated_at if task.run_at is not None else 0}
        case _:
            return {}


def log_handover(task: Task, via: str) -> None:
    """Log that a leased task is sent to its worker: `via` is http, socket or builtin."""
    since_lease = clock.now() - task.leased_at if task.leased_at is not None else None
    info("Task handed over", **_lease_fields(task), via=via, since_lease_ms=since_lease)


def log_answer(task: Task, verdict: Verdict, since: float, http_status: int | None = None) -> None:
    """Log what the worker answered to the handover that began at `since`, in seconds of clock.stopwatch."""
    took = round((clock.stopwatch() - since) * clock.SECOND)
    reason = str(verdict.reason) if isinstance(verdict, Failure) else None
    facts = {"outcome": _outcome(verdict), "reason": reason, "http_status": http_status, "duration_ms": took}
    info("Worker answered", **_lease_fields(task), **facts)


def _outcome(verdict: Verdict) -> str:
    match verdict:
        case Accepted():
            return "accepted"
        case Done():
            return "completed"
        case Busy():
            return "busy"
        case Failure():
            return "failed"
        case _:
            return "unreached"


def _lease_fields(task: Task) -> dict[str, Any]:
    return {**_ids(task, clock.now()), "worker_id": task.worker_id, "attempt": task.attempt}


def _ids(task: Task, at: int) -> dict[str, Any]:
    return {
        "at": clock.utc(at).isoformat(timespec="milliseconds"),
        "task_id": task.id,
        "org": task.org,
        "pool": task.pool,
        "type": task.type,
        "epoch": task.epoch,
        "version": task.version,
    }
