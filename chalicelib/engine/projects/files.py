"""Files of tasks: what is known of one is a document, what is in it an object in S3."""

from urllib.parse import quote

from chalicelib.domain.document import Document
from chalicelib.domain.files.media_types import detect_media_type
from chalicelib.domain.tasks.task import Task
from chalicelib.engine.documents import documents
from chalicelib.engine.projects import attachments
from chalicelib.engine.projects.attachments import FILE
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import s3

LINK_SECONDS = 300
"""How long a link to a file leads to it."""


def add(task: Task, name: str, content: bytes, claimed: str, description: str | None, *, by: str) -> Document:
    """Keep a file with a task. Two calls: S3 has the object before anybody can ask for it.

    Raises InvalidRequest for what `domain.media` refuses, NotFound, Conflict.
    """
    found = detect_media_type(content, name, claimed)
    body = {"name": name, "size": len(content), "media_type": found, "description": description, "author": by}
    document = documents.new(task.org, FILE, body, parent=task.id, by=by)
    s3.put(_object(document), content, found)
    try:
        return attachments.attach(task, document)
    except (NotFound, Conflict):
        s3.remove(_object(document))
        raise


def of(org: str, task_id: str) -> list[Document]:
    """The files of a task, at most a hundred, newest first. One call."""
    return attachments.newest(org, FILE, task_id)


def get(org: str, task_id: str, file_id: str) -> Document:
    """What is known of a file. Raises NotFound."""
    return documents.get(org, FILE, file_id, task_id)


def link(file: Document) -> str:
    """Where anyone may fetch the file for LINK_SECONDS, as a download and not as a page. No call."""
    name = file.body["name"]
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%' else "_" for letter in name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    asked = {"ResponseContentType": file.body["media_type"], "ResponseContentDisposition": disposition}
    return s3.link(_object(file), LINK_SECONDS, **asked)


def delete(org: str, task_id: str, file_id: str) -> None:
    """Remove a file. Three calls. Raises NotFound.

    An object that is left when the function dies here is unreachable, and goes with its task.
    """
    s3.remove(_object(attachments.detach(org, FILE, task_id, file_id)))


def _object(file: Document) -> str:
    assert file.parent is not None
    return f"{attachments.objects_of(file.org, file.parent)}{file.id}"
