"""A document as a plain value: a record of a tenant's own, such as a project, a comment or a webhook."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.changes.effects import NOTHING, Announcement, Effects, Topic, Wakeup


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One record, as stored. What `body` holds is its kind's own matter."""

    org: str
    kind: str  # project, user, comment, file, notification, webhook, client, ...
    id: str  # of `ids.ordered`, so that a shelf is in order of age
    parent: str | None = None  # what it belongs to: a comment's task
    body: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1  # grows by one with every write
    created_at: int
    updated_at: int
    changed_by: str | None = None  # who made the latest change, when it was a caller
    expires_at: int | None = None  # epoch milliseconds; gone from then on


POOL = "projects"
"""The pool whose API keeps the documents that are announced."""
HOUSE = "#house"
"""Whose the house's own documents are: no org's name holds a "#"."""
CHORE = "chore"
"""The kind of those that have something carried out in the background (engine.chores)."""


def of_document(old: Document | None, new: Document | None) -> Effects:
    """What follows from a document's change: for some kinds, that it is announced; a chore is carried out."""
    known = new or old
    if new is not None and new.kind == CHORE:
        return Effects(wakeups=(Wakeup(kind=CHORE, org=HOUSE, pool=POOL, id=new.id, at=new.body["due_at"]),))
    if known is None or known.kind not in _TOPICS:
        return NOTHING
    topic = _TOPICS[known.kind](old, new)
    if topic is None:
        return NOTHING
    said = Announcement(
        org=known.org,
        pool=POOL,
        topic=topic,
        subject=known.id,
        version=known.version if new is not None else known.version + 1,
        at=known.updated_at,
        actor=known.changed_by,
        was=_word(old),
        now=_word(new),
        within=known.parent or _joined(old, new),
    )
    return Effects(announcements=(said,))


def _word(found: Document | None) -> str | None:
    return None if found is None else found.body.get("status")


def _project(old: Document | None, new: Document | None) -> Topic | None:
    if old is None or new is None:
        return Topic.PROJECT_CREATED if new is not None else Topic.PROJECT_DELETED
    if new.body.get("status") == "completed" != old.body.get("status"):
        return Topic.PROJECT_COMPLETED
    return Topic.PROJECT_UPDATED if new.body != old.body else None


def _user(old: Document | None, new: Document | None) -> Topic | None:
    if _joined(old, new) is not None:
        return Topic.MEMBER_ADDED
    return Topic.USER_REGISTERED if _word(new) == "active" != _word(old) else None


def _joined(old: Document | None, new: Document | None) -> str | None:
    """The project that a user has become a member of."""
    if old is None or new is None:
        return None
    return next(iter(new.body.get("memberships", {}).keys() - old.body.get("memberships", {}).keys()), None)


def _comment(old: Document | None, new: Document | None) -> Topic | None:
    return Topic.COMMENT_ADDED if old is None and new is not None else None


def _webhook(old: Document | None, new: Document | None) -> Topic | None:
    """What its owner does to a webhook is nobody's news; that the house disabled it is."""
    disabled = old is not None and new is not None and old.body["active"] and not new.body["active"]
    return Topic.WEBHOOK_DISABLED if disabled and new is not None and new.body.get("disabledReason") else None


_TOPICS = {"project": _project, "user": _user, "comment": _comment, "webhook": _webhook}
