"""An announcement as its API shows it: the event that webhooks, notifications and the live feed send."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.domain.document import PROJECTS_POOL


class PublicEvent(NamedTuple):
    """One event, as its API shows it."""

    id: str  # the same for the same change, however often it is announced
    org: str
    topic: Topic
    at: int
    subject: str  # id of the task, agent, project, user, comment or webhook
    version: int
    data: Mapping[str, Any]  # the resource as the API answers it, ready to be written as JSON
    about: Mapping[str, str | None]  # the fields it can be filtered by: projectId, agentId, status, ...
    recipients: Mapping[str, str]  # user id -> the notification's text, for the users it concerns
    organization: str = ""  # the org's name
    actor: str | None = None
    was: str | None = None
    now: str | None = None
    pool: str = PROJECTS_POOL  # whose API shows it


class Payload(NamedTuple):
    """The payload of one event: the data, the fields to filter by, and the users to notify with a text for each."""

    data: Mapping[str, Any]
    about: Mapping[str, str | None] = MappingProxyType({})
    recipients: Mapping[str, str] = MappingProxyType({})


def public_event(announcement: Announcement, payload: Payload, organization: str) -> PublicEvent:
    """The event of an announcement with this payload."""
    return PublicEvent(
        id=public_event_id(announcement),
        org=announcement.org,
        topic=announcement.topic,
        at=announcement.at,
        subject=announcement.subject,
        version=announcement.version,
        data=payload.data,
        about={"id": announcement.subject, **payload.about},
        recipients=payload.recipients,
        organization=organization,
        actor=announcement.actor,
        was=announcement.was,
        now=announcement.now,
        pool=announcement.pool,
    )


def public_event_id(announcement: Announcement) -> str:
    """The id of the event of an announcement."""
    return f"evt_{announcement.subject}_{announcement.version}".replace(".", "_")
