"""The items that announcements are about, as they are now. A batch of announcements costs a few calls."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.domain.document import Document
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.projects import agents, display_names, projects
from chalicelib.engine.projects.display_names import Names
from chalicelib.engine.projects.projects import Tally
from chalicelib.storage.documents import documents as document_storage
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import workers as worker_storage

ORG = "org"
"""Kind and id of the document with an org's name."""
USER, PROJECT, COMMENT, WEBHOOK = "user", "project", "comment", "webhook"


class Subjects(NamedTuple):
    """The subjects that still exist, by id, and what else their payloads need."""

    organization: str
    tasks: Mapping[str, Task]
    names: Names
    workers: Mapping[str, Worker]
    figures: Mapping[str, Counts]
    documents: Mapping[str, Document]
    tallies: Mapping[str, Tally]
    admins: Sequence[str]
    """User ids; empty unless an announcement concerns them."""


def load_subjects(org: str, pool: str, announcements: Sequence[Announcement]) -> Subjects:
    """Load what the announcements are about. One call for the org and one for each kind of subject; two for agents and
    for projects, and one for each task with new comments."""
    ids = _ids_by_kind(announcements)
    commented = [each.within for each in announcements if each.within and _kind(each) == COMMENT]
    tasks = _load_tasks(org, [*ids["task"], *commented])
    workers = _load_workers(org, pool, ids["agent"])
    documents = _load_documents(org, announcements, ids)
    return Subjects(
        organization=_load_org_name(org),
        tasks=tasks,
        names=display_names.find_names(org, pool, list(tasks.values())),
        workers=workers,
        figures=agents.read_lifetime_counts(org, pool, workers) if workers else {},
        documents=documents,
        tallies=projects.count_tasks(org, [document for document in documents.values() if document.kind == PROJECT]),
        admins=_load_admin_ids(org) if ids[WEBHOOK] else (),
    )


def _kind(announcement: Announcement) -> str:
    """The kind of the announcement's subject. That of a new project member is the user."""
    return USER if announcement.topic is Topic.MEMBER_ADDED else announcement.topic.partition(".")[0]


def _ids_by_kind(announcements: Iterable[Announcement]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {kind: [] for kind in ("task", "agent", PROJECT, USER, COMMENT, WEBHOOK)}
    for announcement in announcements:
        ids[_kind(announcement)].append(announcement.subject)
        if announcement.topic is Topic.MEMBER_ADDED and announcement.within is not None:
            ids[PROJECT].append(announcement.within)
    return ids


def _load_tasks(org: str, ids: Sequence[str]) -> dict[str, Task]:
    tasks = task_storage.find_many(dict.fromkeys(ids), whole=True) if ids else {}
    return {task_id: task for task_id, task in tasks.items() if task.org == org}


def _load_workers(org: str, pool: str, ids: Sequence[str]) -> dict[str, Worker]:
    workers = worker_storage.find_many({(org, pool, worker_id) for worker_id in ids}) if ids else {}
    return {worker.id: worker for worker in workers.values() if not worker.removed}


def _load_documents(
    org: str, announcements: Sequence[Announcement], ids: Mapping[str, Sequence[str]]
) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    for kind in (PROJECT, USER, WEBHOOK):
        documents |= document_storage.find_many(org, kind, ids[kind])
    for task_id in {each.within for each in announcements if _kind(each) == COMMENT}:
        comment_ids = [each.subject for each in announcements if each.within == task_id]
        documents |= document_storage.find_many(org, COMMENT, comment_ids, task_id)
    return documents


def _load_org_name(org: str) -> str:
    document = document_storage.find(org, ORG, ORG)
    return str(document.body["name"]) if document is not None else org


def _load_admin_ids(org: str) -> list[str]:
    return [user.id for user in document_storage.iter_all(org, USER) if user.body.get("role") == "admin"]
