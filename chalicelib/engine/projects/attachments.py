"""Attachments of tasks: comments and files.

Each is a document. One transaction creates or deletes it and changes the count of its kind; it is created only while
the task exists.
"""

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
MAX_PER_TASK = {COMMENT: 1000, FILE: 100}
"""Kind -> the number that a task can have."""
MAX_SHOWN = 100
"""The number of newest ones that are shown with their task."""
BATCH_SIZE = 25
"""Documents deleted in one transaction, which is limited to four megabytes."""


def attach(task: Task, document: Document) -> Document:
    """Attach a new document to its task. One call.

    Raises NotFound when the task does not exist, Conflict when it has the maximum number.
    """
    limit = MAX_PER_TASK[document.kind]
    counted = quotas.take_write(task.org, _quota_name(document.kind, task.id), limit)
    try:
        return documents.create(document, [task_storage.exists_check(task), counted])
    except ConditionFailed as refused:
        if refused.failed[1]:
            raise NotFound("Task", task.id) from None
        raise Conflict(f"The task already has {limit} {document.kind}s, the maximum") from None


def detach(org: str, kind: str, task_id: str, identifier: str) -> Document:
    """Delete a document of a task, and return it. Two calls. Raises NotFound."""
    counted = quotas.give_back_write(org, _quota_name(kind, task_id))
    return documents.delete(org, kind, identifier, task_id, also=lambda _: [counted])


def list_newest(org: str, kind: str, task_id: str) -> list[Document]:
    """The newest documents of a task, at most MAX_SHOWN. One call."""
    return storage.find_page(org, kind, task_id, limit=MAX_SHOWN)


def list_all(org: str, kind: str, task_id: str) -> list[Document]:
    """All documents of a task, newest first; one call for each megabyte."""
    return list(storage.iter_all(org, kind, task_id))


def object_prefix(org: str, task_id: str) -> str:
    """Prefix of the keys of a task's files in S3."""
    return f"files/{org}/{task_id}/"


def clear_task(job: Job) -> bool:
    """Run the job of a deleted task: delete some of its attachments and S3 objects. Returns whether none is left."""
    org, task_id = job.org, job.subject
    if not all(_clear_kind(org, kind, task_id) for kind in MAX_PER_TASK):
        return False
    prefixes = (object_prefix(org, task_id), payloads.s3_prefix(org, PROJECTS_POOL, task_id) + "/")
    return all(s3.delete_prefix(prefix) for prefix in prefixes)


def _clear_kind(org: str, kind: str, task_id: str) -> bool:
    """Delete some documents, and their count when there are none; returns whether there were none."""
    batch = storage.find_page(org, kind, task_id, limit=BATCH_SIZE)
    forgotten = quotas.delete_write(org, _quota_name(kind, task_id))
    with suppress(ConditionFailed):  # another process deleted one of them; the next step reads what is left
        dynamodb.commit(*(map(storage.delete_write, batch) if batch else [forgotten]))
    return not batch


def _quota_name(kind: str, task_id: str) -> str:
    return f"{kind}#{task_id}"
