"""What of a change is announced to whoever asked to be told: webhooks, notifications, the live feed."""

from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.worker import Worker

VISIBLE = ("status", "progress", "attempts", "epoch", "run_at")
"""What those who watch a task see of it."""


def of_task(old: Task | None, new: Task) -> tuple[Announcement, ...]:
    """A task came, or changed in what its owner sees of it."""
    if old is not None and not _told(old, new):
        return ()
    moved = old is not None and old.status is not new.status
    said = Announcement(
        org=new.org,
        pool=new.pool,
        topic=_task_topic(old, new),
        subject=new.id,
        version=new.version,
        at=new.updated_at,
        actor=new.changed_by,
        was=str(old.status) if old is not None and moved else None,
        now=str(new.status),
    )
    return (said,)


def _told(old: Task, new: Task) -> bool:
    """Whether a change is one that its owner would see."""
    seen = (*VISIBLE, "edits", "overdue", "wanted_worker")
    return any(getattr(old, name) != getattr(new, name) for name in seen)


def _task_topic(old: Task | None, new: Task) -> Topic:
    if old is None:
        return Topic.TASK_CREATED
    if new.terminal and not old.terminal:
        return _ENDINGS.get(new.status, Topic.TASK_UPDATED)
    if new.status is Status.LEASED and new.epoch > old.epoch and new.wanted_worker is None:
        return Topic.TASK_ASSIGNED
    if new.wanted_worker is not None and new.wanted_worker != old.wanted_worker:
        return Topic.TASK_ASSIGNED
    return Topic.TASK_OVERDUE if new.overdue and not old.overdue else Topic.TASK_UPDATED


_ENDINGS = {
    Status.COMPLETED: Topic.TASK_COMPLETED,
    Status.FAILED: Topic.TASK_FAILED,
    Status.TIMED_OUT: Topic.TASK_FAILED,
}


def gone(old: Task) -> tuple[Announcement, ...]:
    """That a task is there no more."""
    said = Announcement(
        org=old.org,
        pool=old.pool,
        topic=Topic.TASK_DELETED,
        subject=old.id,
        version=old.version + 1,
        at=old.updated_at,
        actor=old.changed_by,
    )
    return (said,)


def of_worker(old: Worker | None, new: Worker | None) -> tuple[Announcement, ...]:
    """A worker came, went, has another standing (as `standing` tells), or its owner said something else of it."""
    known = new or old
    topic = _worker_topic(old, new)
    if known is None or topic is None:
        return ()
    said = Announcement(
        org=known.org,
        pool=known.pool,
        topic=topic,
        subject=known.id,
        version=known.version if new is not None else known.version + 1,
        at=known.updated_at,
        actor=known.changed_by if topic is not Topic.AGENT_STATUS_CHANGED or _turned(old, new) else None,
        was=old.standing if old is not None and new is not None else None,
        now=new.standing if old is not None and new is not None else None,
    )
    return (said,)


_DESCRIBED = ("name", "type", "metadata", "capabilities", "max_concurrent", "hours")


def _turned(old: Worker | None, new: Worker | None) -> bool:
    """Whether it was its owner who took it out of rotation, or put it back."""
    return old is None or new is None or old.maintenance != new.maintenance


def _worker_topic(old: Worker | None, new: Worker | None) -> Topic | None:
    if old is None:
        return Topic.AGENT_CREATED
    if old.removed:
        return None
    if new is None or new.removed:
        return Topic.AGENT_DELETED
    if old.standing != new.standing:
        return Topic.AGENT_STATUS_CHANGED
    described = any(getattr(old, name) != getattr(new, name) for name in _DESCRIBED)
    return Topic.AGENT_UPDATED if described else None
