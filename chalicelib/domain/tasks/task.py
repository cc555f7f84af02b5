"""A task as a plain value, its needs, and its holder.

Instants are epoch milliseconds in UTC; durations ending in `_ms` are milliseconds. Values are frozen: a rule takes
one and returns the next.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

MAX_PRIORITY = 9
"""Priorities run from 0 to 9; larger is more urgent."""


class Status(StrEnum):
    """The engine's task states (docs/how-it-works/engine.md); every API maps its own words onto these."""

    PENDING = "pending"
    LEASED = "leased"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


HELD = frozenset({Status.LEASED, Status.RUNNING})
TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMED_OUT})


class Phase(StrEnum):
    """The states in the groups that lists and totals use."""

    PENDING = "pending"
    HELD = "held"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


PHASES = {
    Status.PENDING: Phase.PENDING,
    Status.LEASED: Phase.HELD,
    Status.RUNNING: Phase.HELD,
    Status.COMPLETED: Phase.COMPLETED,
    Status.FAILED: Phase.FAILED,
    Status.TIMED_OUT: Phase.FAILED,
    Status.CANCELLED: Phase.CANCELLED,
}


class ConcurrencyLimit(NamedTuple):
    """How many tasks of one key, 1 or more, the workers of a pool may hold at once. Each task has a `limit` of its own;
    tasks of one key should have the same one."""

    key: str
    limit: int


class ApprovalState(StrEnum):
    """Whether a person has approved a task that must be approved."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Approval(NamedTuple):
    """The approval that a task needs before a worker may have it. Instants are epoch milliseconds."""

    state: ApprovalState
    asked_at: int
    expires_at: int  # a task that nobody has decided on by then ends
    decided_at: int | None = None
    decided_by: str | None = None
    feedback: str | None = None
    notes: str | None = None


class Needs(NamedTuple):
    """What a task needs to be leased: a worker with all the capabilities, in the group if one is named, and with the
    worker's id if one is named; and a concurrency limit that is not reached."""

    capabilities: frozenset[str] = frozenset()
    group: str | None = None
    worker: str | None = None
    concurrency_limit: ConcurrencyLimit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task, as stored."""

    id: str
    org: str
    pool: str  # where it waits; one dispatch pass at a time runs for a pool of an org
    lane: str  # short name of its needs; a pool has one ordered queue for each lane
    type: str
    name: str | None = None  # its owner's name for it
    label: str | None = None  # a short word for separate statistics in its API, such as a channel
    manual: bool = False  # only its owner assigns it; the dispatcher skips it
    wanted_worker: str | None = None  # the only worker that may take it
    approval: Approval | None = None  # a person must approve the task before it may be leased
    concurrency_limit: ConcurrencyLimit | None = None  # counts the task while a worker holds it
    parent: str | None = None  # the workflow execution, another task, of which it is a step
    steps: tuple[str, ...] = ()  # of a workflow execution: the names of its steps, in order
    terms: tuple[str, ...] = ()  # "<facet>=<value>": what searches find it by, besides its state
    status: Status
    priority: int  # 0-9, larger is more urgent
    version: int = 1  # grows by one with every write; names the event of each change
    edits: int = 0  # grows by one with every edit of its content
    epoch: int = 0  # grows by one with every lease: the fencing token
    attempts: int = 0  # failed attempts so far
    max_attempts: int  # failed attempts after which the task ends
    allowance: int  # attempts granted by the submission, and again by each replay
    capabilities: tuple[str, ...] = ()
    group: str | None = None
    notify: tuple[str, ...] = ()  # who is told of its end, unless it was cancelled: messengers, or a conversation
    payload: Any = None
    payload_ref: str | None = None  # the S3 key of a payload that is too large for the item
    metadata: dict[str, Any] | None = None
    result: Any = None
    result_ref: str | None = None
    error: dict[str, Any] | None = None  # {"code", "message"} of the latest failure
    progress: float | None = None  # percent, 0-100, by the latest report
    worker_id: str | None = None  # the worker that holds it, or held it last
    person: str | None = None  # the person who works on it, or did last: no slot, no timeout
    changed_by: str | None = None  # the caller that made the latest change, if one did
    failed_on: tuple[str, ...] = ()  # the workers on which its attempts failed, latest last; others are preferred
    start_to_close_ms: int
    attempt_ms: int | None = None  # of the current lease, if its worker allows less than the task does
    schedule_to_start_ms: int
    heartbeat_ms: int | None = None  # longest time between heartbeats of a held task; None: none needed
    deadline: int  # when the task ends as timed_out, in every state
    due_at: int | None = None  # the owner's due date; missing it is announced and changes no state
    overdue: bool = False  # that was announced
    run_at: int | None = None  # sleeping until then; None: ready as soon as it is pending
    created_at: int
    updated_at: int
    ready_at: int | None = None  # since when it may be leased
    waited_since: int | None = None  # `ready_at` before the current lease, in case it is given back
    release_reason: str | None = None  # why its latest lease was given back (release_reasons), until the next one
    leased_at: int | None = None
    started_at: int | None = None
    beat_at: int | None = None  # latest heartbeat in the current lease
    deliver_by: int | None = None  # when the handover of the current lease must have arrived
    finished_at: int | None = None
    wake_at: int | None = None  # the next instant at which a transition may be due
    body_hash: str | None = None  # of the submission, if it had an Idempotency-Key
    submitted_by: str | None = None

    @property
    def is_execution(self) -> bool:
        """Whether it is the execution of a workflow: its steps do the work, and no worker gets it."""
        return bool(self.steps)

    @property
    def is_held(self) -> bool:
        return self.status in HELD

    @property
    def is_held_by_worker(self) -> bool:
        """Whether a worker holds it, and not a person."""
        return self.is_held and self.person is None

    @property
    def assignee(self) -> str | None:
        """The worker to which it belongs: its wanted worker, else the one that holds it, or held it up to its end."""
        if self.wanted_worker is not None:
            return self.wanted_worker
        return self.worker_id if self.person is None and (self.is_held or self.is_terminal) else None

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def phase(self) -> Phase:
        return PHASES[self.status]

    @property
    def awaits_approval(self) -> bool:
        """Whether it is pending until a person approves it."""
        is_undecided = self.approval is not None and self.approval.state is ApprovalState.PENDING
        return is_undecided and self.status is Status.PENDING

    @property
    def is_ready(self) -> bool:
        """Whether it may be leased now."""
        return self.status is Status.PENDING and self.run_at is None and not self.awaits_approval

    @property
    def is_queued(self) -> bool:
        """Whether it waits for the dispatcher."""
        return self.is_ready and not self.manual and not self.is_execution

    @property
    def attempt_ends_at(self) -> int | None:
        """When the current attempt times out; None while no worker holds the task."""
        if not self.is_held_by_worker or self.leased_at is None:
            return None
        return min(self.leased_at + (self.attempt_ms or self.start_to_close_ms), self.deadline)

    @property
    def attempt(self) -> int:
        """The number of the current attempt, or of the next one, or of the one that ended the task: 1 for the first."""
        has_failed = self.status in (Status.FAILED, Status.TIMED_OUT)
        return max(1, self.attempts) if has_failed else self.attempts + 1

    @property
    def wakeup_at(self) -> int | None:
        """When a wakeup is needed, to the second: at its `run_at`, at the beginning of an execution, or at its end if
        people must be notified or steps be cancelled. None if the next sweep is early enough."""
        if self.awaits_approval:
            return None
        if self.is_execution and self.status is Status.PENDING:
            return self.ready_at
        return self.wake_at if self.is_terminal else self.run_at

    @property
    def has_one_attempt_left(self) -> bool:
        """Whether the next attempt is the last one, for which the dispatcher prefers a proven worker (worker_trust)."""
        return self.attempts + 1 >= self.max_attempts

    @property
    def needs(self) -> Needs:
        return Needs(frozenset(self.capabilities), self.group, self.wanted_worker, self.concurrency_limit)


class Holder(NamedTuple):
    """A worker that claims to hold a task, and the epoch or attempt of its lease if it names one."""

    worker_id: str
    epoch: int | None = None
    attempt: int | None = None
