"""Files of tasks. The metadata of a file is a document; its content is an object in S3."""

from chalicelib.domain.document import Document
from chalicelib.domain.files.downloads import attachment
from chalicelib.domain.files.media_types import detect_media_type
from chalicelib.domain.tasks.task import Task
from chalicelib.engine.documents import documents
from chalicelib.engine.projects import attachments
from chalicelib.engine.projects.attachments import FILE
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import s3

LINK_TTL_S = 300
"""How long a link to a file is valid."""


def add(task: Task, name: str, content: bytes, claimed_type: str, description: str | None, *, by: str) -> Document:
    """Attach a file to a task. Two calls; the object is in S3 before the document is visible.

    Raises InvalidRequest for a file that is not accepted (domain/files/media_types.py), NotFound, Conflict.
    """
    media_type = detect_media_type(content, name, claimed_type)
    body = {"name": name, "size": len(content), "media_type": media_type, "description": description, "author": by}
    document = documents.new(task.org, FILE, body, parent=task.id, by=by)
    s3.put_object(_object_key(document), content, media_type)
    try:
        return attachments.attach(task, document)
    except (NotFound, Conflict):
        s3.delete_object(_object_key(document))
        raise


def list_newest(org: str, task_id: str) -> list[Document]:
    """The files of a task, at most a hundred, newest first. One call."""
    return attachments.list_newest(org, FILE, task_id)


def get(org: str, task_id: str, file_id: str) -> Document:
    """The metadata of a file. Raises NotFound."""
    return documents.get(org, FILE, file_id, task_id)


def download_link(file: Document) -> str:
    """A link by which anyone can download the file for LINK_TTL_S. A browser does not show it as a page. No call."""
    headers = {
        "ResponseContentType": file.body["media_type"],
        "ResponseContentDisposition": attachment(file.body["name"]),
    }
    return s3.presigned_url(_object_key(file), LINK_TTL_S, **headers)


def delete(org: str, task_id: str, file_id: str) -> None:
    """Delete a file. Three calls. Raises NotFound.

    If the function dies before the S3 object is deleted, the object is unreachable and is deleted with its task.
    """
    s3.delete_object(_object_key(attachments.detach(org, FILE, task_id, file_id)))


def _object_key(file: Document) -> str:
    assert file.parent is not None
    return f"{attachments.object_prefix(file.org, file.parent)}{file.id}"
