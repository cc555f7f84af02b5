"""Figures of one user: tasks created and completed, active projects."""

from typing import NamedTuple

from chalicelib.domain.document import PROJECTS_POOL, Document
from chalicelib.domain.tasks.task import Phase
from chalicelib.engine.search import search
from chalicelib.storage.documents import documents as storage

PROJECT = "project"


class Stats(NamedTuple):
    """The figures."""

    tasks_created: int
    tasks_completed: int
    """Of those that the user has created."""
    projects_active: int
    """Active ones that the user is a member of."""


def compute_stats(user: Document) -> Stats:
    """A user's figures. Two calls, and one more for each hundred projects beyond the first."""
    counts = search.count_by_phase(user.org, PROJECTS_POOL, "creator", [user.id])[user.id]
    projects = storage.find_many(user.org, PROJECT, user.body.get("memberships", ()))
    active = sum(project.body.get("status") == "active" for project in projects.values())
    return Stats(sum(counts.values()), counts[Phase.COMPLETED], active)
