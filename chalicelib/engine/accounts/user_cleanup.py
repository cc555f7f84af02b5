"""What a user who is gone leaves behind, removed: keys, tasks begun and not ended, memberships, notifications, picture.

Every step may be done twice, and none needs to know how far another came.
"""

from contextlib import suppress

from chalicelib import clock
from chalicelib.domain.document import PROJECTS_POOL
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.task import Task
from chalicelib.engine.accounts import avatars, inbox
from chalicelib.engine.documents.background_jobs import RUN_SECONDS, Job
from chalicelib.engine.projects import members
from chalicelib.engine.search import search
from chalicelib.engine.tasks import lifecycle
from chalicelib.errors import NotFound
from chalicelib.storage.access import api_keys
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.documents import documents as storage

AT_ONCE = 25
"""Memberships or notifications that one step takes."""


def clear(chore: Job) -> bool:
    """One step of the chore `users.CHORE`."""
    done = [_tasks(chore), _memberships(chore), _notifications(chore)]
    if not all(done):
        return False
    if chore.facts["keys"]:
        dynamodb.commit(*map(api_keys.delete_write, chore.facts["keys"]))
    avatars.forget(chore.org, chore.subject)
    return True


def _tasks(chore: Job) -> bool:
    """What the user was working on waits for somebody else. Two calls a task."""
    until = clock.steady() + RUN_SECONDS * clock.SECOND
    for task_id in search.iterate_task_ids(chore.org, PROJECTS_POOL, "person", chore.subject):
        with suppress(NotFound):
            lifecycle.change(chore.org, task_id, lambda task: _put_back(task, chore.subject))
        if clock.steady() > until:
            return False
    return True


def _put_back(task: Task, user_id: str) -> Task:
    mine = task.held and task.person == user_id
    return transitions.released(task, clock.now(), ReleaseReason.PERSON_LEFT) if mine else task


def _memberships(chore: Job) -> bool:
    found = storage.find_many(chore.org, members.PROJECT, chore.facts["memberships"])
    joined = [project.id for project in found.values() if chore.subject in members.team_of(project)]
    members.remove_user(chore.org, chore.subject, joined[:AT_ONCE])
    return len(joined) <= AT_ONCE


def _notifications(chore: Job) -> bool:
    found = storage.find_page(chore.org, inbox.KIND, chore.subject, limit=AT_ONCE)
    if found:
        dynamodb.commit(*map(storage.delete_write, found))
    return len(found) < AT_ONCE
