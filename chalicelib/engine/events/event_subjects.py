"""What announcements are about, as it is now: read all at once, so that a batch of them costs a few calls."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.domain.document import Document
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.projects import agents, projects
from chalicelib.engine.projects import display_names as names
from chalicelib.engine.projects.display_names import Names
from chalicelib.engine.projects.projects import Tally
from chalicelib.storage.documents import documents as document_storage
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import workers as worker_storage

ORG = "org"
"""Kind and id of the document that says what an org is called."""
USER, PROJECT, COMMENT, WEBHOOK = "user", "project", "comment", "webhook"


class Subjects(NamedTuple):
    """Those that still exist, by id; and what else is needed to speak of them."""

    organization: str
    tasks: Mapping[str, Task]
    names: Names
    workers: Mapping[str, Worker]
    figures: Mapping[str, Counts]
    documents: Mapping[str, Document]
    tallies: Mapping[str, Tally]
    admins: Sequence[str]
    """User ids, only where something concerns them."""


def find(org: str, pool: str, found: Sequence[Announcement]) -> Subjects:
    """All that the announcements speak of. One call for the org, and one for each kind of thing that is spoken of; two
    for agents and for projects, and one for each task that was commented on."""
    ids = _by_kind(found)
    tasks = _tasks(org, [*ids["task"], *(said.within for said in found if said.within and _kind(said) == COMMENT)])
    workers = _workers(org, pool, ids["agent"])
    documents = _documents(org, found, ids)
    return Subjects(
        organization=_name(org),
        tasks=tasks,
        names=names.find_names(org, pool, list(tasks.values())),
        workers=workers,
        figures=agents.read_lifetime_counts(org, pool, workers) if workers else {},
        documents=documents,
        tallies=projects.count_tasks(org, [one for one in documents.values() if one.kind == PROJECT]),
        admins=_admins(org) if ids[WEBHOOK] else (),
    )


def _kind(said: Announcement) -> str:
    """What kind of thing it is about; joining a project is a user's doing."""
    return USER if said.topic is Topic.MEMBER_ADDED else said.topic.partition(".")[0]


def _by_kind(found: Iterable[Announcement]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {kind: [] for kind in ("task", "agent", PROJECT, USER, COMMENT, WEBHOOK)}
    for said in found:
        ids[_kind(said)].append(said.subject)
        if said.topic is Topic.MEMBER_ADDED and said.within is not None:
            ids[PROJECT].append(said.within)
    return ids


def _tasks(org: str, ids: Sequence[str]) -> dict[str, Task]:
    found = task_storage.find_many(dict.fromkeys(ids), whole=True) if ids else {}
    return {task_id: task for task_id, task in found.items() if task.org == org}


def _workers(org: str, pool: str, ids: Sequence[str]) -> dict[str, Worker]:
    found = worker_storage.find_many({(org, pool, one) for one in ids}) if ids else {}
    return {worker.id: worker for worker in found.values() if not worker.removed}


def _documents(org: str, found: Sequence[Announcement], ids: Mapping[str, Sequence[str]]) -> dict[str, Document]:
    read: dict[str, Document] = {}
    for kind in (PROJECT, USER, WEBHOOK):
        read |= document_storage.find_many(org, kind, ids[kind])
    for task_id in {said.within for said in found if _kind(said) == COMMENT}:
        said_of_it = [said.subject for said in found if said.within == task_id]
        read |= document_storage.find_many(org, COMMENT, said_of_it, task_id)
    return read


def _name(org: str) -> str:
    found = document_storage.find(org, ORG, ORG)
    return str(found.body["name"]) if found is not None else org


def _admins(org: str) -> list[str]:
    return [user.id for user in document_storage.iter_all(org, USER) if user.body.get("role") == "admin"]
