"""Submit a task: a submission becomes a task, which is written once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import ConcurrencyLimit, Needs, Status, Task
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import Precondition
from chalicelib.engine.tasks import idempotency, payloads
from chalicelib.engine.tasks.lanes import lane_name
from chalicelib.errors import IdempotencyMismatch, Unavailable
from chalicelib.storage.aws.dynamodb import ConditionFailed, RawItem
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks import tasks as storage


class Submission(NamedTuple):
    """A task that a caller asks for. Durations are in seconds, instants in epoch milliseconds."""

    pool: str
    type: str
    priority: int
    payload: Any = None
    capabilities: tuple[str, ...] = ()
    group: str | None = None
    metadata: Mapping[str, Any] | None = None
    max_attempts: int | None = None
    timeout_seconds: int | None = None
    heartbeat_seconds: int | None = None
    run_at: int | None = None
    idempotency_key: str | None = None  # the caller's own, within the API
    api: str | None = None  # the API that was called; None: the one that the pool is named after
    name: str | None = None
    label: str | None = None
    manual: bool = False  # it waits until `assignment.assign` names a worker
    wanted_worker: str | None = None  # the only worker that may take it
    concurrency_limit: ConcurrencyLimit | None = None  # leased only while fewer tasks of its key are held
    terms: tuple[str, ...] = ()  # "<facet>=<value>": what searches find the task by
    notify: tuple[str, ...] = ()  # messengers that notify people of its end
    due_at: int | None = None
    total_seconds: int | None = None  # until its end, waiting included; None: the configured limits
    id: str | None = None  # None: a new id
    request: Any = None  # what the caller asked for, by which repeated idempotency keys are compared; None: all fields
    parent: str | None = None  # the workflow execution of which it is a step
    steps: tuple[str, ...] = ()  # of a workflow execution: the names of its steps
    approval_seconds: int | None = None  # how long it waits for a person's approval; None: it needs none


def submit(org: str, subject: str, submission: Submission, preconditions: Sequence[Precondition] = ()) -> Task:
    """Accept a task, if the preconditions hold. One call; one more for a payload over 100 KB.

    With an idempotency key, repeating the submission returns the same task, if the same subject repeats it through the
    same API. Raises IdempotencyMismatch if the key came with another submission before, InvalidRequest for metadata
    that are too large, and the error of an unmet precondition.
    """
    payloads.require_small_metadata(submission.metadata)
    task = _build_task(org, subject, submission)
    try:
        storage.commit([storage.create_write(task), *(each.check for each in preconditions)])
    except ConditionFailed as error:
        if not error.failed[0]:
            raise optimistic.unmet_error(preconditions, error) or error from None
        return _accept_repeated_submission(task, error.items[0])
    return task


def find_repeated(org: str, subject: str, submission: Submission) -> Task | None:
    """The task that the same submission made before under its idempotency key. One call; none without a key. Raises
    IdempotencyMismatch."""
    if submission.idempotency_key is None:
        return None
    stored = storage.find(_task_id(org, subject, submission))
    return None if stored is None else _require_same(stored, org, _body_hash(submission))


def _build_task(org: str, subject: str, submission: Submission) -> Task:
    now, key = clock.now(), submission.idempotency_key
    identifier = submission.id or _task_id(org, subject, submission)
    payload, reference = payloads.store_if_large(
        payloads.s3_prefix(org, submission.pool, identifier, "payload"), submission.payload
    )
    run_at = submission.run_at if submission.run_at is not None and submission.run_at > now else None
    draft = Task(
        id=identifier,
        org=org,
        lane=lane_name(_needs(submission)),
        status=Status.PENDING,
        version=0,
        capabilities=tuple(sorted(set(submission.capabilities))),
        payload=payload,
        payload_ref=reference,
        metadata=dict(submission.metadata) if submission.metadata is not None else None,
        changed_by=subject,
        created_at=now,
        updated_at=now,
        body_hash=None if key is None else _body_hash(submission),
        submitted_by=subject,
        **{name: getattr(submission, name) for name in _COPIED_FIELDS},
        **_limits(submission, run_at or now),
    )
    if submission.approval_seconds is not None:
        return transitions.awaiting_approval(draft, now + submission.approval_seconds * clock.SECOND, now, run_at)
    return transitions.ready(draft, now) if run_at is None else transitions.sleeping(draft, run_at, now)


def _needs(asked: Submission) -> Needs:
    return Needs(frozenset(asked.capabilities), asked.group, asked.wanted_worker, asked.concurrency_limit)


def _task_id(org: str, subject: str, submission: Submission) -> str:
    if submission.idempotency_key is None:
        return ids.new("task")
    key = idempotency.scoped_key(submission.api or submission.pool, subject, submission.idempotency_key)
    return ids.derived("task", org, submission.pool, key)


_COPIED_FIELDS = (
    *("pool", "type", "name", "label", "priority", "group", "manual", "wanted_worker"),
    *("concurrency_limit", "parent", "steps", "terms", "notify", "due_at"),
)


def _limits(submission: Submission, begins_at: int) -> dict[str, Any]:
    """How often and for how long the task is tried: as submitted, else as configured."""
    configured, attempts = settings(), submission.max_attempts or settings().max_attempts
    wait_seconds = submission.total_seconds or configured.schedule_to_start_seconds
    begins_at += (submission.approval_seconds or 0) * clock.SECOND
    return {
        "max_attempts": attempts,
        "allowance": attempts,
        "start_to_close_ms": (submission.timeout_seconds or configured.start_to_close_seconds) * clock.SECOND,
        "schedule_to_start_ms": wait_seconds * clock.SECOND,
        "heartbeat_ms": submission.heartbeat_seconds * clock.SECOND if submission.heartbeat_seconds else None,
        "deadline": begins_at + (submission.total_seconds or configured.total_seconds) * clock.SECOND,
    }


_HASHED_AS = {"concurrency_limit": "permit"}
"""The older names of fields, which the hashes of stored submissions contain."""


_HASHED_IF_SET = frozenset({"approval_seconds", "parent", "steps", "request"})
"""Fields that stored submissions of older versions did not have."""


def _body_hash(submission: Submission) -> str:
    if submission.request is not None:
        return payloads.digest({"pool": submission.pool, "request": submission.request})
    values = {_HASHED_AS.get(name, name): getattr(submission, name) for name in Submission._fields}
    return payloads.digest({k: value for k, value in values.items() if k not in _HASHED_IF_SET or value})


def _accept_repeated_submission(task: Task, raw: RawItem | None) -> Task:
    """The stored task of the same submission. Raises IdempotencyMismatch if it was another submission."""
    if raw is None:
        raise Unavailable("The task could not be stored; try again")
    return _require_same(task_table.from_raw(raw), task.org, task.body_hash)


def _require_same(stored: Task, org: str, body_hash: str | None) -> Task:
    if stored.org != org or stored.body_hash != body_hash:
        raise IdempotencyMismatch("This Idempotency-Key was used before with another request; use a new key")
    return stored
