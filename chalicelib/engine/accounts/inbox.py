"""The inbox: notifications for users about events that concern them, with the time at which they were read."""

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
RETENTION_MS = 90 * clock.DAY
MAX_LISTED = 1_000
"""Most notifications in a list, the newest ones: one call."""
BATCH_SIZE = 100
"""Writes in one transaction."""


def add_notifications(org: str, events: Sequence[PublicEvent]) -> None:
    """Store a notification for each recipient of each event, except for its actor. Calling it again changes nothing."""
    notifications = [
        _new_notification(org, event, user) for event in events for user in event.recipients if user != event.actor
    ]
    for start in range(0, len(notifications), BATCH_SIZE):
        _create_missing(notifications[start : start + BATCH_SIZE])


def _create_missing(notifications: list[Document]) -> None:
    """Store those that are not stored yet."""
    while notifications:
        try:
            dynamodb.commit(*map(storage.create_write, notifications))
        except ConditionFailed as refused:
            pairs = zip(notifications, refused.failed, strict=True)
            notifications = [notification for notification, is_stored in pairs if not is_stored]
        else:
            return


def _new_notification(org: str, event: PublicEvent, user: str) -> Document:
    body = {"type": event.topic, "message": event.recipients[user], "data": _reference_ids(event), "readAt": None}
    notification = documents.new(org, KIND, body, parent=user, id=ids.derived_at(event.at, "notif", event.id))
    return replace(notification, created_at=event.at, updated_at=event.at, expires_at_ms=event.at + RETENTION_MS)


def _reference_ids(event: PublicEvent) -> dict[str, str]:
    """The ids of what the event is about."""
    kind = event.topic.partition(".")[0]
    parents = {
        name: identifier for name in ("projectId", "taskId") if (identifier := event.about.get(name)) is not None
    }
    return {f"{kind}Id": event.subject} | parents


def list_newest(org: str, user: str) -> list[Document]:
    """A user's newest notifications. One call for each megabyte."""
    return storage.find_page(org, KIND, user, limit=MAX_LISTED)


def mark_read(org: str, user: str, identifier: str) -> Document:
    """Mark a notification as read; the first time stays. Raises NotFound, also for another user's."""

    def decide(notification: Document) -> Document:
        if is_read(notification):
            return notification
        return replace(notification, body={**notification.body, "readAt": clock.now()})

    return documents.change(org, KIND, identifier, decide, parent=user, by=user)


def mark_all_read(org: str, user: str) -> int:
    """Mark the newest notifications as read; returns how many were unread."""
    unread = [notification for notification in list_newest(org, user) if not is_read(notification)]
    for start in range(0, len(unread), BATCH_SIZE):
        _mark_batch_read(unread[start : start + BATCH_SIZE])
    return len(unread)


def _mark_batch_read(unread: Sequence[Document]) -> None:
    now = clock.now()
    read = [replace(old, version=old.version + 1, updated_at=now, body={**old.body, "readAt": now}) for old in unread]
    try:
        dynamodb.commit(*(storage.update_write(old, new) for old, new in zip(unread, read, strict=True)))
    except ConditionFailed:  # another request marks one of them at the same time: one by one then
        for notification in unread:
            mark_read(notification.org, str(notification.parent), notification.id)


def is_read(notification: Document) -> bool:
    """Whether its user has read it."""
    return notification.body["readAt"] is not None
