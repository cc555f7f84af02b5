"""A task as a plain value, what it needs of a worker, and who holds it.

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
    """The states as lists and totals know them: by what a client may still expect."""

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
    """A limit, 1 or more, on how many tasks of one key the workers of a pool may hold at once. Each task says the limit
    that it goes by; tasks of one key are meant to say the same."""

    key: str
    limit: int


class Needs(NamedTuple):
    """What it takes to lease a task: a worker that offers all the capabilities, belongs to the group if one is named,
    and is the worker that is named, if one is; and a permit, if the task needs one."""

    capabilities: frozenset[str] = frozenset()
    group: str | None = None
    worker: str | None = None
    concurrency_limit: ConcurrencyLimit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One unit of work, as stored."""

    id: str
    org: str
    pool: str  # where it queues; one dispatcher works one pool of one org at a time
    lane: str  # short name of its needs; a pool has one ordered ready queue for each lane
    type: str
    name: str | None = None  # what its owner calls it
    label: str | None = None  # a small word by which its API keeps figures apart, such as a channel
    manual: bool = False  # leased only when its owner names a worker; the dispatcher leaves it alone
    wanted_worker: str | None = None  # the only worker that may take it
    concurrency_limit: ConcurrencyLimit | None = None  # held while a worker holds the task; without a free one it waits
    terms: tuple[str, ...] = ()  # "<facet>=<value>" of its owner's: what lists find it by, besides its state
    status: Status
    priority: int  # 0-9, larger is more urgent
    version: int = 1  # grows by one with every write; names the event of each change
    edits: int = 0  # grows by one with every change of what the task is about
    epoch: int = 0  # grows by one with every lease: the fencing token
    attempts: int = 0  # attempts that ended badly so far
    max_attempts: int  # attempts that may be burned before the task ends
    allowance: int  # attempts granted by the submission, and again by each replay
    capabilities: tuple[str, ...] = ()
    group: str | None = None
    notify: tuple[str, ...] = ()  # messengers by which people are told how it ended, unless it was cancelled
    payload: Any = None
    payload_ref: str | None = None  # where the payload is when it is too large for the item
    metadata: dict[str, Any] | None = None
    result: Any = None
    result_ref: str | None = None
    error: dict[str, Any] | None = None  # {"code", "message"} of the latest failure
    progress: float | None = None  # percent, 0-100, as the worker last said
    worker_id: str | None = None  # who holds it, or held it last
    person: str | None = None  # who works on it, or did last, without being a worker: no slot, no lease that runs out
    changed_by: str | None = None  # who made the latest change, when it was a caller
    failed_on: tuple[str, ...] = ()  # the workers on which its attempts failed, latest last; others are preferred
    start_to_close_ms: int
    attempt_ms: int | None = None  # of the current lease, when its worker allows less than the task does
    schedule_to_start_ms: int
    heartbeat_ms: int | None = None  # longest silence of a held task; None: the worker's own heartbeat suffices
    deadline: int  # when the task ends as timed_out, whatever it is doing
    due_at: int | None = None  # when its owner wants it done; passing it is told, and changes nothing
    overdue: bool = False  # that was told
    run_at: int | None = None  # sleeping until then; None: ready as soon as it is pending
    created_at: int
    updated_at: int
    ready_at: int | None = None  # since when it may be dispatched
    waited_since: int | None = None  # of a lease: since when the task had been ready, in case it is given back
    release_reason: str | None = None  # why its latest lease was given back (domain.releases), until the next one
    leased_at: int | None = None
    started_at: int | None = None
    beat_at: int | None = None  # last progress of the current lease
    deliver_by: int | None = None  # of a lease that is handed over by push: when it must have arrived
    finished_at: int | None = None
    wake_at: int | None = None  # the next moment at which something must happen to it
    body_hash: str | None = None  # of the submission that carried an Idempotency-Key
    submitted_by: str | None = None

    @property
    def is_held(self) -> bool:
        return self.status in HELD

    @property
    def is_held_by_worker(self) -> bool:
        """Whether a worker holds it, with a slot of its own for it."""
        return self.is_held and self.person is None

    @property
    def assignee(self) -> str | None:
        """The worker whose task it is: the only one that may take it, else who holds it, or held it up to its end."""
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
    def is_ready(self) -> bool:
        """May be leased now."""
        return self.status is Status.PENDING and self.run_at is None

    @property
    def is_queued(self) -> bool:
        """Waits for the dispatcher."""
        return self.is_ready and not self.manual

    @property
    def attempt_ends_at(self) -> int | None:
        """When the attempt that is under way times out; None while no worker holds the task."""
        if not self.is_held_by_worker or self.leased_at is None:
            return None
        return min(self.leased_at + (self.attempt_ms or self.start_to_close_ms), self.deadline)

    @property
    def attempt(self) -> int:
        """The number of the attempt now held, next to come, or that ended the task: 1 for the first."""
        burned_the_last = self.status in (Status.FAILED, Status.TIMED_OUT)
        return max(1, self.attempts) if burned_the_last else self.attempts + 1

    @property
    def wakeup_at(self) -> int | None:
        """When it must be woken to the second, if ever: its sleep is over, or it has ended and people are to be told.
        All else has time until the sweep."""
        return self.wake_at if self.is_terminal else self.run_at

    @property
    def has_one_attempt_left(self) -> bool:
        """Whether the next attempt is the last, which is not to be risked (domain.trust)."""
        return self.attempts + 1 >= self.max_attempts

    @property
    def needs(self) -> Needs:
        return Needs(frozenset(self.capabilities), self.group, self.wanted_worker, self.concurrency_limit)


class Holder(NamedTuple):
    """Who claims to hold a task: a worker, under an epoch or in an attempt if it names one."""

    worker_id: str
    epoch: int | None = None
    attempt: int | None = None
