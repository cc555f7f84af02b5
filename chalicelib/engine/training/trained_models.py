"""Models that were trained elsewhere: files that are kept, and that whoever runs them downloads.

A small file comes with its request. A large one goes to S3 by a signed link, whose signature covers its size and
digest: what is there under the key of a model is its file.
"""

import hashlib
from typing import NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.document import Document
from chalicelib.domain.files.downloads import attachment
from chalicelib.engine.documents import background_jobs, documents
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.errors import Conflict, InvalidRequest
from chalicelib.storage.aws import dynamodb, s3
from chalicelib.storage.documents import documents as storage

KIND = "model"
CLEANUP_JOB = "model-upload"
LINK_SECONDS = 3_600
MAX_BYTES = 500_000_000
"""Of a file that is uploaded by a link."""


class ModelFile(NamedTuple):
    """What the caller says of a model and its file. The field names are stored."""

    name: str
    filename: str
    description: str | None
    size_bytes: int
    sha256: str


class UploadLink(NamedTuple):
    """Where to PUT the file of a model, and the headers to send."""

    model_id: str
    url: str
    headers: dict[str, str]


def upload(org: str, by: str, name: str, filename: str, content: bytes, description: str | None) -> Document:
    """Keep the file of a model. Three calls; the file is in S3 before the model is seen.

    The same file under the same name again is the same model. Raises InvalidRequest for an empty file.
    """
    if not content:
        raise InvalidRequest("file: must not be empty", fields={"file": "must not be empty"})
    file = ModelFile(name, filename, description, len(content), hashlib.sha256(content).hexdigest())
    model = _new(org, by, file)
    stored = storage.find(org, KIND, model.id)
    if stored is not None:
        return stored
    s3.put_object(_key(model), content, "application/octet-stream")
    return _create(model)


def upload_by_link(org: str, by: str, file: ModelFile) -> Document | UploadLink:
    """The model, if its file is there; else the link to upload it, for LINK_SECONDS: then ask again. Three calls.

    A file that nobody asks for again is deleted.
    """
    model = _new(org, by, file)
    stored = storage.find(org, KIND, model.id)
    if stored is not None:
        return stored
    if s3.find_object(_key(model), 0, 1) is not None:
        return _create(model)
    dynamodb.commit_new(background_jobs.create_write(org, CLEANUP_JOB, model.id, wait_seconds=2 * LINK_SECONDS))
    return UploadLink(model.id, *s3.presigned_upload(_key(model), file.size_bytes, file.sha256, LINK_SECONDS))


def run_cleanup(job: Job) -> bool:
    """Delete the file of an upload that did not become a model. A file that a later link has brought is left to the job
    of that link."""
    key, uploaded_by = _key_of(job.org, job.subject), clock.now() - LINK_SECONDS * clock.SECOND
    is_old = any(found == key and stored_at <= uploaded_by for found, stored_at in s3.list_objects(key))
    if is_old and storage.find(job.org, KIND, job.subject) is None:
        s3.delete_object(key)
    return True


def _new(org: str, by: str, file: ModelFile) -> Document:
    identifier = ids.derived(KIND, org, file.name, str(file.size_bytes), file.sha256)
    return documents.new(org, KIND, file._asdict(), id=identifier, by=by)


def _create(model: Document) -> Document:
    try:
        return documents.create(model)
    except Conflict:  # somebody else uploaded it at the same time
        return get(model.org, model.id)


def get(org: str, model_id: str) -> Document:
    """A model. One call. Raises NotFound."""
    return documents.get(org, KIND, model_id)


def download_url(model: Document) -> str:
    """The link to a model's file, for LINK_SECONDS. No call."""
    return s3.presigned_url(_key(model), LINK_SECONDS, ResponseContentDisposition=attachment(model.body["filename"]))


def _key(model: Document) -> str:
    return _key_of(model.org, model.id)


def _key_of(org: str, model_id: str) -> str:
    return f"training/{org}/models/{model_id}"
