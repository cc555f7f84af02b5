"""Comments on tasks."""

from collections.abc import Sequence

from chalicelib.domain.document import Document
from chalicelib.domain.tasks.task import Task
from chalicelib.engine.documents import documents
from chalicelib.engine.projects import attachments
from chalicelib.engine.projects.attachments import COMMENT
from chalicelib.engine.tasks import payloads
from chalicelib.errors import InvalidRequest
from chalicelib.storage.documents import documents as storage

MAX_SHOWN_CHARS = 2_000_000
"""Of the comments that are shown with their task, as JSON."""


def add(task: Task, content: str, mentions: Sequence[str], *, by: str) -> Document:
    """Comment on a task; the mentioned users get a notification. One call, one more with mentions.

    Raises InvalidRequest for a mention that is not a user of the org, NotFound, Conflict.
    """
    mentioned = list(dict.fromkeys(mentions))
    _require_users(task.org, mentioned)
    body = {"content": content, "mentions": mentioned, "author": by}
    return attachments.attach(task, documents.new(task.org, COMMENT, body, parent=task.id, by=by))


def _require_users(org: str, mentioned: Sequence[str]) -> None:
    users = storage.find_many(org, "user", mentioned)
    missing = [user_id for user_id in mentioned if user_id not in users]
    if missing:
        what = f"must name users of this organization; {missing[0]} is not one"
        raise InvalidRequest(f"mentions: {what}", fields={"mentions": what})


def list_newest(org: str, task_id: str) -> list[Document]:
    """The newest comments on a task, at most a hundred, and as many as fit into an answer with the task. One call."""
    newest = attachments.list_newest(org, COMMENT, task_id)
    return list(payloads.that_fit(newest, lambda comment: payloads.answer_chars(comment.body), MAX_SHOWN_CHARS))


def list_all(org: str, task_id: str) -> list[Document]:
    """All comments on a task, newest first; one call for each megabyte."""
    return attachments.list_all(org, COMMENT, task_id)


def get(org: str, task_id: str, comment_id: str) -> Document:
    """The comment. Raises NotFound."""
    return documents.get(org, COMMENT, comment_id, task_id)


def delete(org: str, task_id: str, comment_id: str) -> None:
    """Delete a comment. Raises NotFound."""
    attachments.detach(org, COMMENT, task_id, comment_id)
