"""An announcement as its API shows it: the event that webhooks, notifications and the live feed send."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib.domain.changes.effects import Announcement, Topic


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


def public_event_id(announcement: Announcement) -> str:
    """The id of the event of an announcement."""
    return f"evt_{announcement.subject}_{announcement.version}".replace(".", "_")
