"""Notifications: what happened, told to the users whom it concerns, and kept for a while with whether they read it."""

from collections.abc import Sequence
from dataclasses import replace

from chalicelib import clock, ids
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.documents import documents as storage

KIND = "notification"
KEPT = 90 * clock.DAY
LISTED = 1_000
"""A user is shown so many, the newest: one call."""
AT_ONCE = 100
"""What one transaction holds."""


def publish(org: str, facts: Sequence[PublicEvent]) -> None:
    """Keep a notification for each recipient of each fact, except for whoever did it. Again, it changes nothing."""
    found = [_made(org, fact, user) for fact in facts for user in fact.recipients if user != fact.actor]
    for start in range(0, len(found), AT_ONCE):
        _keep(found[start : start + AT_ONCE])


def _keep(found: list[Document]) -> None:
    """All that are not kept yet."""
    while found:
        try:
            dynamodb.commit(*map(storage.create_write, found))
        except ConditionFailed as refused:
            found = [one for one, known in zip(found, refused.failed, strict=True) if not known]
        else:
            return


def _made(org: str, fact: PublicEvent, user: str) -> Document:
    body = {"type": fact.topic, "message": fact.recipients[user], "data": _pointers(fact), "readAt": None}
    made = documents.new(org, KIND, body, parent=user, id=ids.derived_at(fact.at, "notif", fact.id))
    return replace(made, created_at=fact.at, updated_at=fact.at, expires_at_ms=fact.at + KEPT)


def _pointers(fact: PublicEvent) -> dict[str, str]:
    """What it is about, by id."""
    kind = fact.topic.partition(".")[0]
    found = {name: identifier for name in ("projectId", "taskId") if (identifier := fact.about.get(name)) is not None}
    return {f"{kind}Id": fact.subject} | found


def latest(org: str, user: str) -> list[Document]:
    """A user's newest notifications. One call for each megabyte."""
    return storage.find_page(org, KIND, user, limit=LISTED)


def read(org: str, user: str, identifier: str) -> Document:
    """Note that the user has read it; again, it stays as it was. Raises NotFound, also for another user's."""

    def decide(found: Document) -> Document:
        return found if is_read(found) else replace(found, body={**found.body, "readAt": clock.now()})

    return documents.change(org, KIND, identifier, decide, parent=user, by=user)


def read_all(org: str, user: str) -> int:
    """Note that the user has read the newest ones; answers how many were unread."""
    unread = [one for one in latest(org, user) if not is_read(one)]
    for start in range(0, len(unread), AT_ONCE):
        _read_together(unread[start : start + AT_ONCE])
    return len(unread)


def _read_together(found: Sequence[Document]) -> None:
    now = clock.now()
    reading = [replace(one, version=one.version + 1, updated_at=now, body={**one.body, "readAt": now}) for one in found]
    try:
        dynamodb.commit(*(storage.update_write(old, new) for old, new in zip(found, reading, strict=True)))
    except ConditionFailed:  # somebody reads at the same time: then one by one
        for one in found:
            read(one.org, str(one.parent), one.id)


def is_read(found: Document) -> bool:
    """Whether its user has read it."""
    return found.body["readAt"] is not None
