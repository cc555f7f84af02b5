"""Exports of training examples: a background job writes them to a file in S3, part by part.

The document of an export says how far it is. A part is an object of its own, under a new name for each attempt to
write it, so that the file has exactly the records that the document counts.
"""

from dataclasses import replace
from typing import Any

from chalicelib import clock, ids
from chalicelib.domain.document import Document
from chalicelib.domain.files.downloads import attachment
from chalicelib.domain.training.example import MEDIA_TYPES, ExportFormat, assemble, render
from chalicelib.engine.documents import background_jobs, documents
from chalicelib.engine.documents.background_jobs import RUN_SECONDS, Job
from chalicelib.engine.training import examples
from chalicelib.errors import NotFound
from chalicelib.storage.aws import s3

KIND = "export"
JOB_KIND = "training-export"
BATCH = 100
"""Examples in one part."""
MAX_RECORDS = 10_000
"""The newest export has the oldest so many: the file is assembled in memory."""
GRACE_SECONDS = 10
"""The request itself runs the export, for RUN_SECONDS; then the job does."""
LINK_SECONDS = 3_600
KEPT_DAYS = 30


def start(org: str, by: str, wanted: ExportFormat) -> Document:
    """Start an export and run it for some seconds; returns it as it is then. Two calls, two for the end, and for each
    100 records three and one for each record."""
    body: dict[str, Any] = {"format": wanted, "after": None, "records": 0, "parts": [], "file": None}
    export = documents.new(org, KIND, body, by=by, expires_at_ms=clock.now() + KEPT_DAYS * clock.DAY)
    documents.create(export, [background_jobs.create_write(org, JOB_KIND, export.id, wait_seconds=GRACE_SECONDS)])
    until = clock.steady() + RUN_SECONDS * clock.SECOND
    while not run_step(Job(org, JOB_KIND, export.id)) and clock.steady() < until:
        pass
    return get(org, export.id)


def get(org: str, export_id: str) -> Document:
    """An export as it is now. One call. Raises NotFound."""
    return documents.get(org, KIND, export_id)


def file_url(export: Document) -> str | None:
    """The link to the file, for LINK_SECONDS; None as long as it is not complete. No call."""
    if export.body["file"] is None:
        return None
    name = attachment(f"training-data.{export.body['format']}")
    return s3.presigned_url(export.body["file"], LINK_SECONDS, ResponseContentDisposition=name)


def run_step(job: Job) -> bool:
    """Write the next part, or the file after the last one; returns whether the file is complete."""
    try:
        export = get(job.org, job.subject)
    except NotFound:
        return True
    if export.body["file"] is not None:
        return True
    batch = examples.read_batch(job.org, export.body["after"], BATCH) if export.body["records"] < MAX_RECORDS else []
    return _write_part(export, batch) if batch else _write_file(export)


def _write_part(export: Document, batch: list[Document]) -> bool:
    wanted: ExportFormat = export.body["format"]
    key = f"{_prefix(export)}/{ids.new('part')}"
    s3.put_object(key, render(examples.load_rows(batch), wanted).encode(), MEDIA_TYPES[wanted])
    parts, records = [*export.body["parts"], key], export.body["records"] + len(batch)
    _advance(export, after=batch[-1].id, records=records, parts=parts)
    return False


def _write_file(export: Document) -> bool:
    wanted: ExportFormat = export.body["format"]
    key = f"{_prefix(export)}/training-data.{wanted}"
    parts = (s3.load_object(part).decode() for part in export.body["parts"])
    s3.put_object(key, assemble(parts, wanted).encode(), MEDIA_TYPES[wanted])
    _advance(export, file=key)
    return True


def _advance(export: Document, **fields: object) -> None:
    """Write how far the export is, unless another process was faster."""

    def decide(stored: Document) -> Document:
        return replace(stored, body={**stored.body, **fields}) if stored.version == export.version else stored

    documents.change(export.org, KIND, export.id, decide)


def _prefix(export: Document) -> str:
    return f"{s3.EXPIRING}/{export.org}/exports/{export.id}"
