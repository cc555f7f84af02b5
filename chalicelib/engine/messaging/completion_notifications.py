"""People told by messenger how a task has ended, where its submission asked for it.

A task that has ended so is due until they were told: the relay's wakeup is the fast path, the sweep the guarantee. Each
end has an idempotency key of its own, so that one notification comes of it, however often it is told.
"""

from contextlib import suppress

from chalicelib import clock
from chalicelib.domain.deliveries.notification import Kind
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.messaging import notifications
from chalicelib.engine.tasks import lifecycle
from chalicelib.errors import IdempotencyMismatch, InvalidRequest, NotConfigured
from chalicelib.observability import count, logger

LONGEST_ERROR = 1_000
"""Characters of what went wrong that people are told."""


def tell(task: Task) -> None:
    """Have people told of the end of this task, then note that they were. Five calls.

    Messengers that the org has not configured tell nobody, which is logged. Raises Unavailable.
    """
    try:
        _send(task)
    except (NotConfigured, InvalidRequest) as error:
        logger().warning("An end could not be told", extra={"task_id": task.id, "reason": str(error)})
        count("EndingUntold")
    lifecycle.change(task.org, task.id, lambda latest: _told(latest, task))


def _send(task: Task) -> None:
    kind: Kind = "success" if task.status is Status.COMPLETED else "error"
    with suppress(IdempotencyMismatch):  # told before, in other words: by another name, or by an older version of us
        notifications.send(task.org, _worded(task), kind=kind, providers=task.notify, source=task.type, key=_name(task))


def _name(task: Task) -> str:
    """Of this end, apart from others that the task came to when it was replayed."""
    return f"{task.id}:{task.epoch}:{task.finished_at}"


def _worded(task: Task) -> str:
    name = task.name or task.id
    if task.status is Status.COMPLETED:
        return f"{name}: completed"
    why = str((task.error or {}).get("message") or "")[:LONGEST_ERROR]
    return f"{name}: failed. {why}".rstrip()


def _told(latest: Task, task: Task) -> Task:
    """This end is told; another that came meanwhile is not."""
    return transitions.end_notified(latest, clock.now()) if _name(latest) == _name(task) else latest
