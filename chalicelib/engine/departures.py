"""What a user who is gone leaves behind, removed: keys, tasks begun and not ended, memberships, notifications, picture.

Every step may be done twice, and none needs to know how far another came.
"""

from contextlib import suppress

from chalicelib import clock
from chalicelib.domain import states
from chalicelib.domain.documents import POOL
from chalicelib.domain.releases import ReleaseReason
from chalicelib.domain.tasks import Task
from chalicelib.engine import avatars, catalogue, members, notices, tasks
from chalicelib.engine.chores import TURN_SECONDS, Chore
from chalicelib.errors import NotFound
from chalicelib.storage import api_keys, base
from chalicelib.storage import documents as storage

AT_ONCE = 25
"""Memberships or notifications that one step takes."""


def clear(chore: Chore) -> bool:
    """One step of the chore `users.CHORE`."""
    done = [_tasks(chore), _memberships(chore), _notifications(chore)]
    if not all(done):
        return False
    if chore.facts["keys"]:
        base.commit(*map(api_keys.revoked, chore.facts["keys"]))
    avatars.forget(chore.org, chore.subject)
    return True


def _tasks(chore: Chore) -> bool:
    """What the user was working on waits for somebody else. Two calls a task."""
    until = clock.steady() + TURN_SECONDS * clock.SECOND
    for task_id in catalogue.task_ids(chore.org, POOL, "person", chore.subject):
        with suppress(NotFound):
            tasks.change(chore.org, task_id, lambda task: _put_back(task, chore.subject))
        if clock.steady() > until:
            return False
    return True


def _put_back(task: Task, user_id: str) -> Task:
    mine = task.held and task.person == user_id
    return states.released(task, clock.now(), ReleaseReason.PERSON_LEFT) if mine else task


def _memberships(chore: Chore) -> bool:
    found = storage.find_many(chore.org, members.PROJECT, chore.facts["memberships"])
    joined = [project.id for project in found.values() if chore.subject in members.team_of(project)]
    members.forget(chore.org, chore.subject, joined[:AT_ONCE])
    return len(joined) <= AT_ONCE


def _notifications(chore: Chore) -> bool:
    found = storage.page(chore.org, notices.KIND, chore.subject, limit=AT_ONCE)
    if found:
        base.commit(*map(storage.deleted, found))
    return len(found) < AT_ONCE
