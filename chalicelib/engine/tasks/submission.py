"""How a task is submitted: what is asked for, made into a task and written down, once."""

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
    """What a client asks to be done. Durations are in seconds, instants in epoch milliseconds."""

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
    idempotency_key: str | None = None  # its caller's own, in the API that it came by
    api: str | None = None  # by which it came; None: the one that the pool is named after
    name: str | None = None
    label: str | None = None
    manual: bool = False  # wait until `assign` names a worker
    wanted_worker: str | None = None  # no other may take it
    concurrency_limit: ConcurrencyLimit | None = None  # leased only while fewer than its limit of its key's tasks are
    terms: tuple[str, ...] = ()  # "<facet>=<value>": by what else lists find it
    notify: tuple[str, ...] = ()  # messengers by which people are told how it ended
    due_at: int | None = None
    total_seconds: int | None = None  # for all of it, waiting included; None: the house's limits
    id: str | None = None  # known beforehand; else a new one


def submit(org: str, subject: str, asked: Submission, preconditions: Sequence[Precondition] = ()) -> Task:
    """Accept a task, if its preconditions hold. One call; one more for a payload over 100 KB.

    With an idempotency key the same submission by the same subject through the same API gives the same task however
    often it is made. Raises IdempotencyMismatch when the key came with another submission before, InvalidRequest for
    too large metadata.
    """
    payloads.require_small_metadata(asked.metadata)
    task = _build_task(org, subject, asked)
    try:
        storage.commit([storage.create_write(task), *(one.check for one in preconditions)])
    except ConditionFailed as refused:
        if not refused.failed[0]:
            raise optimistic.unmet_error(preconditions, refused) or refused from None
        return _accept_repeated_submission(task, refused.items[0])
    return task


def _build_task(org: str, subject: str, asked: Submission) -> Task:
    now, key = clock.now(), asked.idempotency_key
    identifier = asked.id or _task_id(org, subject, asked)
    payload, reference = payloads.store_if_large(
        payloads.s3_prefix(org, asked.pool, identifier, "payload"), asked.payload
    )
    run_at = asked.run_at if asked.run_at is not None and asked.run_at > now else None
    draft = Task(
        id=identifier,
        org=org,
        lane=lane_name(Needs(frozenset(asked.capabilities), asked.group, asked.wanted_worker, asked.concurrency_limit)),
        status=Status.PENDING,
        version=0,
        capabilities=tuple(sorted(set(asked.capabilities))),
        payload=payload,
        payload_ref=reference,
        metadata=dict(asked.metadata) if asked.metadata is not None else None,
        changed_by=subject,
        created_at=now,
        updated_at=now,
        body_hash=None if key is None else _body_hash(asked),
        submitted_by=subject,
        **{name: getattr(asked, name) for name in _COPIED_FIELDS},
        **_limits(asked, run_at or now),
    )
    return transitions.ready(draft, now) if run_at is None else transitions.sleeping(draft, run_at, now)


def _task_id(org: str, subject: str, asked: Submission) -> str:
    if asked.idempotency_key is None:
        return ids.new("task")
    key = idempotency.scoped_key(asked.api or asked.pool, subject, asked.idempotency_key)
    return ids.derived("task", org, asked.pool, key)


_COPIED_FIELDS = (
    *("pool", "type", "name", "label", "priority", "group", "manual", "wanted_worker"),
    *("concurrency_limit", "terms", "notify", "due_at"),
)


def _limits(asked: Submission, begins: int) -> dict[str, Any]:
    """How often and for how long it is tried: as was asked, or as the house has it."""
    house, attempts = settings(), asked.max_attempts or settings().max_attempts
    wait = asked.total_seconds or house.schedule_to_start_seconds
    return {
        "max_attempts": attempts,
        "allowance": attempts,
        "start_to_close_ms": (asked.timeout_seconds or house.start_to_close_seconds) * clock.SECOND,
        "schedule_to_start_ms": wait * clock.SECOND,
        "heartbeat_ms": asked.heartbeat_seconds * clock.SECOND if asked.heartbeat_seconds else None,
        "deadline": begins + (asked.total_seconds or house.total_seconds) * clock.SECOND,
    }


_HASHED_AS = {"concurrency_limit": "permit"}
"""Older names of fields: the hashes of submissions that are already stored contain them."""


def _body_hash(asked: Submission) -> str:
    return payloads.digest({_HASHED_AS.get(name, name): getattr(asked, name) for name in Submission._fields})


def _accept_repeated_submission(task: Task, raw: RawItem | None) -> Task:
    if raw is None:
        raise Unavailable("The task could not be stored; try again")
    before = task_table.from_raw(raw)
    if before.org != task.org or before.body_hash != task.body_hash:
        raise IdempotencyMismatch("This Idempotency-Key was used before with another request; use a new key")
    return before
