"""Operations on many content tasks at once: a document with the outcome of each task, and a background job that does
what is left when the process that began it dies.

Each part does some tasks and then stores their outcomes. Doing a task twice is harmless, so a part that dies is done
again, and two processes may do the same part.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.domain.files import csv_table
from chalicelib.domain.files.downloads import attachment
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.engine import content_tasks
from chalicelib.engine.content_tasks import METADATA, POOL, Edit
from chalicelib.engine.documents import background_jobs, documents
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.aws import s3
from chalicelib.storage.tasks import tasks as storage

KIND = "bulk"
JOB_KIND = "bulk"
MAX_TASKS = 500
MAX_IDS_BYTES = 64_000
"""Of the ids together: the operation and the outcomes of all are one item."""
PART = 20
"""Tasks of one part."""
JOB_WAIT_SECONDS = 30
"""The job leaves the operation so long to the request that began it."""
RUN_MS = 8 * clock.SECOND
"""For so long a request works on its operation; the job does the rest."""
KEPT_MS = 7 * clock.DAY
LINK_SECONDS = 3_600
MAX_EXPORT_BYTES = 20_000_000

Operation = Literal["update_status", "delete", "export", "reassign"]
Format = Literal["csv", "json"]
MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
Outcomes = dict[str, list[str | None]]
"""Task id -> what became of it (updated, deleted, exported, unchanged, not_found, refused), and why it was refused."""
DONE = frozenset({"updated", "deleted", "exported", "unchanged"})
COLUMNS = ("id", "task_name", "status", "created_at", "updated_at", "completed_at", *content_tasks.FIELDS, METADATA)


class Request(NamedTuple):
    """What to do with which tasks. The field names are stored."""

    operation: Operation
    task_ids: Sequence[str]
    phase: Phase | None = None  # of update_status
    assigned_to: str | None = None  # of reassign; None: nobody
    format: Format = "csv"  # of export


class Progress(NamedTuple):
    """An operation as it is now."""

    id: str
    request: Request
    outcomes: Outcomes
    link: str | None
    """Of an export that has ended: where the file can be downloaded for LINK_SECONDS."""

    @property
    def is_done(self) -> bool:
        return len(self.outcomes) == len(self.request.task_ids)

    @property
    def affected(self) -> int:
        """How many tasks the operation was done on."""
        return sum(outcome in DONE for outcome, _ in self.outcomes.values())


def start(org: str, request: Request, by: str) -> Progress:
    """Begin an operation, and do as much of it as fits into RUN_MS. Calls: those of `begin`, those of each part, one.

    Raises as `begin` does.
    """
    operation_id, until = begin(org, request, by), clock.steady() + RUN_MS
    while not run_part(org, operation_id) and clock.steady() < until:
        pass
    return get(org, operation_id)


def begin(org: str, request: Request, by: str) -> str:
    """Store an operation and the job that does it; returns its id. One call, and one for each hundred tasks.

    Raises InvalidRequest for too many tasks.
    """
    if len(request.task_ids) > MAX_TASKS or len("".join(request.task_ids).encode()) > MAX_IDS_BYTES:
        what = f"must be at most {MAX_TASKS} ids and {MAX_IDS_BYTES} bytes"
        raise InvalidRequest(f"task_ids: {what}", fields={"task_ids": what})
    missing = set(request.task_ids) - _find(org, request.task_ids).keys()
    body = {
        "request": request._asdict() | {"task_ids": list(request.task_ids)},
        "outcomes": {task_id: ["not_found", None] for task_id in request.task_ids if task_id in missing},
    }
    document = documents.new(org, KIND, body, by=by, expires_at_ms=clock.now() + KEPT_MS)
    job = background_jobs.create_write(org, JOB_KIND, document.id, wait_seconds=JOB_WAIT_SECONDS)
    return documents.create(document, [job]).id


def get(org: str, operation_id: str) -> Progress:
    """An operation as it is now. One call. Raises NotFound."""
    return _parse(documents.get(org, KIND, operation_id))


def run_step(job: Job) -> bool:
    """Run the job of an operation; returns whether nothing is left. An operation that expired is done."""
    try:
        return run_part(job.org, job.subject)
    except NotFound:
        return True


def run_part(org: str, operation_id: str) -> bool:
    """Do the next PART tasks of an operation and store their outcomes; returns whether nothing is left."""
    document = documents.get(org, KIND, operation_id)
    progress, by = _parse(document), document.changed_by or KIND
    if progress.is_done:
        return True
    left = [task_id for task_id in progress.request.task_ids if task_id not in progress.outcomes]
    if progress.request.operation == "export":
        outcomes = _export(org, operation_id, progress.request)
    else:
        outcomes = {task_id: _do(org, task_id, progress.request, by) for task_id in left[:PART]}

    def decide(latest: Document) -> Document:
        return documents.with_body(latest, {"outcomes": {**outcomes, **latest.body["outcomes"]}})

    return _parse(documents.change(org, KIND, operation_id, decide, by=by)).is_done


def _do(org: str, task_id: str, request: Request, by: str) -> list[str | None]:
    """Do it with one task. A task that was there and is gone was deleted, by an earlier try or by somebody else."""
    try:
        if request.operation == "delete":
            content_tasks.delete(org, task_id, by)
            return ["deleted", None]
        fields = {"assigned_to": request.assigned_to} if request.operation == "reassign" else {}
        content_tasks.change(org, task_id, Edit(phase=request.phase, fields=fields), by)
    except NotFound:
        return ["deleted" if request.operation == "delete" else "not_found", None]
    except (Conflict, InvalidRequest) as error:
        return ["refused", error.message]
    return ["updated", None]


def _find(org: str, task_ids: Sequence[str]) -> dict[str, Task]:
    """The content tasks of these ids that exist. One call for each hundred."""
    found = storage.find_many(dict.fromkeys(task_ids), whole=True) if task_ids else {}
    return {task_id: task for task_id, task in found.items() if (task.org, task.pool) == (org, POOL)}


def _export(org: str, operation_id: str, request: Request) -> Outcomes:
    """Store the tasks, as they are now, as one file. One call for each hundred, and one. Done again, it replaces it."""
    tasks = _find(org, request.task_ids)
    rows = [_row(tasks[task_id]) for task_id in dict.fromkeys(request.task_ids) if task_id in tasks]
    content = FORMATS[request.format](rows).encode()
    if len(content) > MAX_EXPORT_BYTES:
        reason = f"The file would have more than {MAX_EXPORT_BYTES} bytes: export fewer tasks"
        return {task_id: ["refused", reason] for task_id in request.task_ids}
    s3.put_object(_object_key(org, operation_id, request), content, MEDIA_TYPES[request.format])
    return {task_id: ["exported" if task_id in tasks else "not_found", None] for task_id in request.task_ids}


def _row(task: Task) -> dict[str, Any]:
    brief = content_tasks.brief_of(task)
    times = {"created_at": task.created_at, "updated_at": task.updated_at, "completed_at": task.finished_at}
    shown = {name: None if at is None else clock.iso(at) for name, at in times.items()}
    row = {"id": task.id, "task_name": task.name, "status": content_tasks.STATUS_WORDS[task.phase], **shown}
    return row | {name: brief.get(name) for name in content_tasks.FIELDS} | {METADATA: brief.get(METADATA, {})}


def write_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV, with a head."""
    return csv_table.render([COLUMNS, *([row[name] for name in COLUMNS] for row in rows)])


def write_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as one JSON array."""
    return json.dumps(list(rows), ensure_ascii=False)


FORMATS = {"csv": write_csv, "json": write_json}


def _object_key(org: str, operation_id: str, request: Request) -> str:
    return f"{s3.EXPIRING}/{org}/{operation_id}/tasks.{request.format}"


def _parse(document: Document) -> Progress:
    stored = dict(document.body["request"])
    phase = stored.pop("phase")
    request = Request(**stored, phase=None if phase is None else Phase(phase))
    outcomes: Outcomes = document.body["outcomes"]
    has_file = any(outcome == "exported" for outcome, _ in outcomes.values())
    key = _object_key(document.org, document.id, request)
    shown_as = attachment(f"tasks.{request.format}")
    link = s3.presigned_url(key, LINK_SECONDS, ResponseContentDisposition=shown_as) if has_file else None
    return Progress(document.id, request, outcomes, link)
