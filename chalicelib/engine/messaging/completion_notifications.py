"""Notifications that a task has ended, for tasks whose submission asked for one: people by messenger.

The ended task stays due until its notification is enqueued. The relay's wakeup does that at once, and the sweep does it
where the wakeup was lost. Each end of a task has an idempotency key of its own, so that it gives one notification,
however often it is handled.
"""

from collections.abc import Callable
from contextlib import suppress

from chalicelib import clock
from chalicelib.domain.conversations.conversation import parse_reply_target
from chalicelib.domain.deliveries.notification import Kind
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.messaging import notifications
from chalicelib.engine.messaging.notifications import MAX_MESSAGE_LENGTH
from chalicelib.engine.tasks import lifecycle
from chalicelib.errors import IdempotencyMismatch, InvalidRequest, NotConfigured
from chalicelib.observability import count, logger

MAX_ERROR_LENGTH = 1_000
"""Characters of the task's error in its notification."""


def notify_of_completion(task: Task, read_text: Callable[[Task], str] | None = None) -> None:
    """Enqueue the notification of this end of the task, then mark the task as notified. Five calls.

    `read_text` is what the task has to say; None: that it has ended, and how.

    If the org has none of the messengers configured, that is logged, and the task is marked all the same. Raises
    Unavailable.
    """
    try:
        _enqueue(task, read_text or _message)
    except (NotConfigured, InvalidRequest) as error:
        logger().warning("A completion notification cannot be sent", extra={"task_id": task.id, "reason": str(error)})
        count("EndingUntold")
    lifecycle.change(task.org, task.id, lambda latest: _marked_notified(latest, task))


def _enqueue(task: Task, read_text: Callable[[Task], str]) -> None:
    kind: Kind = "success" if task.status is Status.COMPLETED else "error"
    providers = [name for name in task.notify if parse_reply_target(name) is None]
    if not providers:
        return
    with suppress(IdempotencyMismatch):  # enqueued before with another text: the task's name changed, or our own text
        notifications.enqueue_notification(
            task.org,
            read_text(task)[:MAX_MESSAGE_LENGTH],
            kind=kind,
            providers=providers,
            source=task.type,
            key=_idempotency_key(task),
        )


def _idempotency_key(task: Task) -> str:
    """The key of this end: a task that is replayed ends again."""
    return f"{task.id}:{task.epoch}:{task.finished_at}"


def _message(task: Task) -> str:
    name = task.name or task.id
    if task.status is Status.COMPLETED:
        return f"{name}: completed"
    error = str((task.error or {}).get("message") or "")[:MAX_ERROR_LENGTH]
    return f"{name}: failed. {error}".rstrip()


def _marked_notified(latest: Task, task: Task) -> Task:
    """Mark the task, unless it has ended another time meanwhile."""
    is_same_end = _idempotency_key(latest) == _idempotency_key(task)
    return transitions.end_notified(latest, clock.now()) if is_same_end else latest
