"""The announcements of a change of a task or a worker: for webhooks, notifications and the live feed."""

from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.worker import Worker

VISIBLE_FIELDS = ("status", "progress", "attempts", "epoch", "run_at")
"""The fields of a task whose changes a client that watches it sees."""


def task_announcements(old: Task | None, new: Task) -> tuple[Announcement, ...]:
    """The announcement of a new task, or of a change that its owner can see."""
    if old is not None and not _is_visible_change(old, new):
        return ()
    has_moved = old is not None and old.status is not new.status
    announcement = Announcement(
        org=new.org,
        pool=new.pool,
        topic=_task_topic(old, new),
        subject=new.id,
        version=new.version,
        at=new.updated_at,
        actor=new.changed_by,
        was=str(old.status) if old is not None and has_moved else None,
        now=str(new.status),
    )
    return (announcement,)


def _is_visible_change(old: Task, new: Task) -> bool:
    """Whether the task's owner can see the change."""
    fields = (*VISIBLE_FIELDS, "edits", "overdue", "wanted_worker", "approval")
    return any(getattr(old, name) != getattr(new, name) for name in fields)


def _task_topic(old: Task | None, new: Task) -> Topic:
    if old is None:
        return Topic.TASK_CREATED
    if new.is_terminal and not old.is_terminal:
        return _TERMINAL_TOPICS.get(new.status, Topic.TASK_UPDATED)
    if new.status is Status.LEASED and new.epoch > old.epoch and new.wanted_worker is None:
        return Topic.TASK_ASSIGNED
    if new.wanted_worker is not None and new.wanted_worker != old.wanted_worker:
        return Topic.TASK_ASSIGNED
    return Topic.TASK_OVERDUE if new.overdue and not old.overdue else Topic.TASK_UPDATED


_TERMINAL_TOPICS = {
    Status.COMPLETED: Topic.TASK_COMPLETED,
    Status.FAILED: Topic.TASK_FAILED,
    Status.TIMED_OUT: Topic.TASK_FAILED,
}


def deletion_announcements(old: Task) -> tuple[Announcement, ...]:
    """The announcement that a task was deleted."""
    announcement = Announcement(
        org=old.org,
        pool=old.pool,
        topic=Topic.TASK_DELETED,
        subject=old.id,
        version=old.version + 1,
        at=old.updated_at,
        actor=old.changed_by,
    )
    return (announcement,)


def worker_announcements(old: Worker | None, new: Worker | None) -> tuple[Announcement, ...]:
    """The announcement that a worker was added or removed, has another standing, or has another description."""
    latest = new or old
    topic = _worker_topic(old, new)
    if latest is None or topic is None:
        return ()
    is_owners = topic is not Topic.AGENT_STATUS_CHANGED or _is_maintenance_change(old, new)
    announcement = Announcement(
        org=latest.org,
        pool=latest.pool,
        topic=topic,
        subject=latest.id,
        version=latest.version if new is not None else latest.version + 1,
        at=latest.updated_at,
        actor=latest.changed_by if is_owners else None,
        was=old.availability if old is not None and new is not None else None,
        now=new.availability if old is not None and new is not None else None,
    )
    return (announcement,)


_DESCRIPTION = ("name", "type", "metadata", "capabilities", "max_concurrent", "hours")


def _is_maintenance_change(old: Worker | None, new: Worker | None) -> bool:
    """Whether the worker's owner took it out of rotation, or put it back."""
    return old is None or new is None or old.maintenance != new.maintenance


def _worker_topic(old: Worker | None, new: Worker | None) -> Topic | None:
    if old is None:
        return Topic.AGENT_CREATED
    if old.removed:
        return None
    if new is None or new.removed:
        return Topic.AGENT_DELETED
    if old.availability != new.availability:
        return Topic.AGENT_STATUS_CHANGED
    has_new_description = any(getattr(old, name) != getattr(new, name) for name in _DESCRIPTION)
    return Topic.AGENT_UPDATED if has_new_description else None
