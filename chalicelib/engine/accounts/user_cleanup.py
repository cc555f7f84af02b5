"""The background job that cleans up after a deleted user: API keys, running tasks, memberships, notifications, avatar.

Every step may run twice, and no step depends on how far another one came.
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

BATCH_SIZE = 25
"""Memberships or notifications that one step handles."""


def run_step(job: Job) -> bool:
    """Run one step of the job `users.CLEANUP_JOB`; returns whether the job is finished."""
    done = [_release_tasks(job), _remove_memberships(job), _delete_notifications(job)]
    if not all(done):
        return False
    if job.facts["keys"]:
        dynamodb.commit(*map(api_keys.delete_write, job.facts["keys"]))
    avatars.delete_avatar(job.org, job.subject)
    return True


def _release_tasks(job: Job) -> bool:
    """Queue the tasks again that the user was working on. Two calls per task."""
    until = clock.steady() + RUN_SECONDS * clock.SECOND
    for task_id in search.iterate_task_ids(job.org, PROJECTS_POOL, "person", job.subject):
        with suppress(NotFound):
            lifecycle.change(job.org, task_id, lambda task: _release_from(task, job.subject))
        if clock.steady() > until:
            return False
    return True


def _release_from(task: Task, user_id: str) -> Task:
    mine = task.is_held and task.person == user_id
    return transitions.released(task, clock.now(), ReleaseReason.PERSON_LEFT) if mine else task


def _remove_memberships(job: Job) -> bool:
    found = storage.find_many(job.org, members.PROJECT, job.facts["memberships"])
    joined = [project.id for project in found.values() if job.subject in members.team_of(project)]
    members.remove_user(job.org, job.subject, joined[:BATCH_SIZE])
    return len(joined) <= BATCH_SIZE


def _delete_notifications(job: Job) -> bool:
    page = storage.find_page(job.org, inbox.KIND, job.subject, limit=BATCH_SIZE)
    if page:
        dynamodb.commit(*map(storage.delete_write, page))
    return len(page) < BATCH_SIZE
