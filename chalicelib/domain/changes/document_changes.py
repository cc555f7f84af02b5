"""What follows from a document's change: some kinds are announced, and a background job is run."""

from chalicelib.domain.changes.effects import NO_EFFECTS, Announcement, Effects, Topic, Wakeup, WakeupKind
from chalicelib.domain.document import JOB_KIND, PROJECTS_POOL, SERVICE_ORG, Document


def document_effects(old: Document | None, new: Document | None) -> Effects:
    """What follows when `old` becomes `new`; None stands for a document that does not exist."""
    latest = new or old
    if new is not None and new.kind == JOB_KIND:
        return Effects(wakeups=(_job_wakeup(new),))
    if latest is None or latest.kind not in _TOPICS:
        return NO_EFFECTS
    topic = _TOPICS[latest.kind](old, new)
    if topic is None:
        return NO_EFFECTS
    announcement = Announcement(
        org=latest.org,
        pool=PROJECTS_POOL,
        topic=topic,
        subject=latest.id,
        version=latest.version if new is not None else latest.version + 1,
        at=latest.updated_at,
        actor=latest.changed_by,
        was=_status(old),
        now=_status(new),
        within=latest.parent or _joined_project(old, new),
    )
    return Effects(announcements=(announcement,))


def _job_wakeup(job: Document) -> Wakeup:
    return Wakeup(kind=WakeupKind.JOB, org=SERVICE_ORG, pool=PROJECTS_POOL, id=job.id, at=job.body["due_at"])


def _status(document: Document | None) -> str | None:
    return None if document is None else document.body.get("status")


def _project_topic(old: Document | None, new: Document | None) -> Topic | None:
    if old is None or new is None:
        return Topic.PROJECT_CREATED if new is not None else Topic.PROJECT_DELETED
    if new.body.get("status") == "completed" != old.body.get("status"):
        return Topic.PROJECT_COMPLETED
    return Topic.PROJECT_UPDATED if new.body != old.body else None


def _user_topic(old: Document | None, new: Document | None) -> Topic | None:
    if _joined_project(old, new) is not None:
        return Topic.MEMBER_ADDED
    return Topic.USER_REGISTERED if _status(new) == "active" != _status(old) else None


def _joined_project(old: Document | None, new: Document | None) -> str | None:
    """The id of a project that the user has become a member of."""
    if old is None or new is None:
        return None
    return next(iter(new.body.get("memberships", {}).keys() - old.body.get("memberships", {}).keys()), None)


def _comment_topic(old: Document | None, new: Document | None) -> Topic | None:
    return Topic.COMMENT_ADDED if old is None and new is not None else None


def _webhook_topic(old: Document | None, new: Document | None) -> Topic | None:
    """Only that the service disabled a webhook is announced, not what its owner changes."""
    disabled = old is not None and new is not None and old.body["active"] and not new.body["active"]
    return Topic.WEBHOOK_DISABLED if disabled and new is not None and new.body.get("disabledReason") else None


_TOPICS = {"project": _project_topic, "user": _user_topic, "comment": _comment_topic, "webhook": _webhook_topic}
"""Kind -> the topic of its change, or None."""
