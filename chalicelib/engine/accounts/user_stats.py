"""What a user has done, in figures."""

from typing import NamedTuple

from chalicelib.domain.document import PROJECTS_POOL, Document
from chalicelib.domain.tasks.task import Phase
from chalicelib.engine.search import search
from chalicelib.storage.documents import documents as storage

PROJECT = "project"


class Stats(NamedTuple):
    """Of one user."""

    tasks_created: int
    tasks_completed: int
    """Of those that the user has created."""
    projects_active: int
    """Active ones that the user is a member of."""


def stats(user: Document) -> Stats:
    """A user's figures. Two calls, and one more for each hundred projects beyond the first."""
    found = search.count_by_phase(user.org, PROJECTS_POOL, "creator", [user.id])[user.id]
    projects = storage.find_many(user.org, PROJECT, user.body.get("memberships", ()))
    active = sum(project.body.get("status") == "active" for project in projects.values())
    return Stats(sum(found.values()), found[Phase.COMPLETED], active)
