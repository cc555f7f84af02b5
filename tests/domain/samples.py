"""Tasks and workers in every state, for the tests of the rules."""

from typing import Any

from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.retry import Backoff
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.domain.tasks.worker import Worker

NOW = 1_000_000_000
HOUR = 3_600_000
BACKOFF = Backoff(base_ms=2_000, cap_ms=300_000)
FAILURE = Failure(Reason.WORKER_FAILED, "it broke")


def draft(**fields: Any) -> Task:
    """A task before its first state."""
    base: dict[str, Any] = {
        "id": "task_1", "org": "acme", "pool": "processing", "lane": "any", "type": "t", "status": Status.PENDING,
        "priority": 5, "version": 0, "max_attempts": 3, "allowance": 3, "start_to_close_ms": 900_000,
        "schedule_to_start_ms": 24 * HOUR, "deadline": NOW + 7 * 24 * HOUR, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Task(**(base | fields))


def ready(**said: Any) -> Task:
    return transitions.ready(draft(**said), NOW)


def sleeping(**said: Any) -> Task:
    return transitions.sleeping(draft(**said), NOW + 60_000, NOW)


def awaiting_approval(**said: Any) -> Task:
    return transitions.awaiting_approval(draft(**said), NOW + HOUR, NOW)


def leased(*, needs_handover: bool = False, **said: Any) -> Task:
    return transitions.leased(ready(**said), "worker_1", NOW, needs_handover=needs_handover)


def running(**said: Any) -> Task:
    return transitions.progressed(leased(**said), NOW)


def ended(status: Status, **said: Any) -> Task:
    """A task that ran and ended like this."""
    held = running(**said)
    if status is Status.COMPLETED:
        return transitions.completed(held, NOW, {"ok": True})
    if status is Status.CANCELLED:
        return transitions.cancelled(held, NOW)
    if status is Status.FAILED:
        return transitions.attempt_failed(held, FAILURE._replace(retryable=False), NOW, BACKOFF, 0.5)
    return transitions.timed_out(held, Reason.TOTAL, "too late", NOW)


def one_in_each_state() -> dict[str, Task]:
    """One task in each state."""
    samples = {
        "ready": ready(),
        "sleeping": sleeping(),
        "awaiting approval": awaiting_approval(),
        "leased": leased(),
        "running": running(),
    }
    return samples | {str(status): ended(status) for status in Status if status.value in _ENDS}


_ENDS = ("completed", "failed", "cancelled", "timed_out")


def worker(name: str = "a", **fields: Any) -> Worker:
    base: dict[str, Any] = {
        "id": name, "org": "acme", "pool": "processing", "name": name, "max_concurrent": 1, "registered_at": NOW,
        "updated_at": NOW, "last_heartbeat_at": NOW, "heartbeat_timeout_ms": 90_000, "online_since": NOW,
    }  # fmt: skip
    return Worker(**(base | fields))
