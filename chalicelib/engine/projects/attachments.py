"""What hangs on a task: its comments and files. Each is a document, which comes and goes in one transaction with the
count of its kind, and comes only while the task is there."""

from contextlib import suppress

from chalicelib.domain.document import PROJECTS_POOL, Document
from chalicelib.domain.tasks.task import Task
from chalicelib.engine.documents import documents
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.tasks import payloads
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.access import quotas
from chalicelib.storage.aws import dynamodb, s3
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.documents import documents as storage
from chalicelib.storage.tasks import tasks as task_storage

COMMENT, FILE = "comment", "file"
MOST = {COMMENT: 1000, FILE: 100}
"""Kind -> how many a task may have."""
SHOWN = 100
"""The newest ones are shown with their task."""
REMOVED_AT_ONCE = 25
"""In one transaction, which holds four megabytes."""


def attach(task: Task, document: Document) -> Document:
    """Hang a new document on its task. One call. Raises NotFound when the task is gone, Conflict when it has all that
    it may have."""
    most = MOST[document.kind]
    counted = quotas.taken(task.org, _quota(document.kind, task.id), most)
    try:
        return documents.create(document, [task_storage.exists_check(task), counted])
    except ConditionFailed as refused:
        if refused.failed[1]:
            raise NotFound("Task", task.id) from None
        raise Conflict(f"The task has {most} {document.kind}s already, as many as it may") from None


def detach(org: str, kind: str, task_id: str, identifier: str) -> Document:
    """Take a document off its task, and answer it as it was. Two calls. Raises NotFound."""
    counted = quotas.given_back(org, _quota(kind, task_id))
    return documents.delete(org, kind, identifier, task_id, also=lambda _: [counted])


def newest(org: str, kind: str, task_id: str) -> list[Document]:
    """The newest ones of a task, at most SHOWN. One call."""
    return storage.find_page(org, kind, task_id, limit=SHOWN)


def every(org: str, kind: str, task_id: str) -> list[Document]:
    """All of a task, newest first; one call for each megabyte."""
    return list(storage.iter_all(org, kind, task_id))


def objects_of(org: str, task_id: str) -> str:
    """Where S3 keeps the files of a task."""
    return f"files/{org}/{task_id}/"


def clear(chore: Job) -> bool:
    """Do away with a part of what hung on a deleted task, and of what S3 keeps of it; whether nothing is left
    (engine.chores)."""
    org, task_id = chore.org, chore.subject
    if not all(_cleared(org, kind, task_id) for kind in MOST):
        return False
    kept = (objects_of(org, task_id), payloads.s3_prefix(org, PROJECTS_POOL, task_id) + "/")
    return all(s3.remove_all(prefix) for prefix in kept)


def _cleared(org: str, kind: str, task_id: str) -> bool:
    """Remove some, and once there are none their count; whether there were none."""
    found = storage.find_page(org, kind, task_id, limit=REMOVED_AT_ONCE)
    forgotten = quotas.forgotten(org, _quota(kind, task_id))
    with suppress(ConditionFailed):  # somebody else removed one of them; the next step sees which are left
        dynamodb.commit(*(map(storage.delete_write, found) if found else [forgotten]))
    return not found


def _quota(kind: str, task_id: str) -> str:
    return f"{kind}#{task_id}"
