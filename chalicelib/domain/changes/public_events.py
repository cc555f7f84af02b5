"""Something that happened, as its API shows it: what is told to webhooks, notifications and the live feed."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib.domain.changes.effects import Announcement, Topic


class Fact(NamedTuple):
    """One thing that happened, as its API shows it."""

    id: str  # the same for the same change, however often it is announced
    org: str
    topic: Topic
    at: int
    subject: str  # id of the task, agent, project, user, comment or webhook
    version: int
    data: Mapping[str, Any]  # the resource as the API answers it, ready to be written as JSON
    about: Mapping[str, str | None]  # what it can be filtered by: projectId, agentId, status, ...
    recipients: Mapping[str, str]  # user id -> the notification's text, for those it concerns
    organization: str = ""  # the org's name
    actor: str | None = None
    was: str | None = None
    now: str | None = None


def fact_id(said: Announcement) -> str:
    """The id of what is announced."""
    return f"evt_{said.subject}_{said.version}".replace(".", "_")
