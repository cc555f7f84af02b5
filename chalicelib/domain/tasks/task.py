"""A task and a worker as plain values: what the engine's rules speak about.

Instants are epoch milliseconds in UTC; durations ending in `_ms` are milliseconds. Values are frozen: a rule takes
one and returns the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from chalicelib.domain import backoff
from chalicelib.domain.tasks.working_hours import is_open

MAX_PRIORITY = 9
"""Priorities run from 0 to 9; larger is more urgent."""


class Status(StrEnum):
    """The engine's task states (docs/engine.md); every API maps its own words onto these."""

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

BUILT_IN = "builtin"
"""Id of the worker, one for each pool that has any, that stands for the house's own performers."""


class Permit(NamedTuple):
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
    permit: Permit | None = None


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
    permit: Permit | None = None  # held while a worker holds the task; without a free one it waits
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
    def held(self) -> bool:
        return self.status in HELD

    @property
    def leased_out(self) -> bool:
        """Whether a worker holds it, with a slot of its own for it."""
        return self.held and self.person is None

    @property
    def assignee(self) -> str | None:
        """The worker whose task it is: the only one that may take it, else who holds it, or held it up to its end."""
        if self.wanted_worker is not None:
            return self.wanted_worker
        return self.worker_id if self.person is None and (self.held or self.terminal) else None

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def phase(self) -> Phase:
        return PHASES[self.status]

    @property
    def ready(self) -> bool:
        """May be leased now."""
        return self.status is Status.PENDING and self.run_at is None

    @property
    def queued(self) -> bool:
        """Waits for the dispatcher."""
        return self.ready and not self.manual

    @property
    def closes_at(self) -> int | None:
        """When the attempt that is under way times out; None while no worker holds the task."""
        if not self.leased_out or self.leased_at is None:
            return None
        return min(self.leased_at + (self.attempt_ms or self.start_to_close_ms), self.deadline)

    @property
    def attempt(self) -> int:
        """The number of the attempt now held, next to come, or that ended the task: 1 for the first."""
        burned_the_last = self.status in (Status.FAILED, Status.TIMED_OUT)
        return max(1, self.attempts) if burned_the_last else self.attempts + 1

    @property
    def prompt_at(self) -> int | None:
        """When it must be woken to the second, if ever: its sleep is over, or it has ended and people are to be told.
        All else has time until the sweep."""
        return self.wake_at if self.terminal else self.run_at

    @property
    def has_one_attempt_left(self) -> bool:
        """Whether the next attempt is the last, which is not to be risked (domain.trust)."""
        return self.attempts + 1 >= self.max_attempts

    @property
    def needs(self) -> Needs:
        return Needs(frozenset(self.capabilities), self.group, self.wanted_worker, self.permit)


class Holder(NamedTuple):
    """Who claims to hold a task: a worker, under an epoch or in an attempt if it names one."""

    worker_id: str
    epoch: int | None = None
    attempt: int | None = None


class Health(StrEnum):
    """What a worker says of itself."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One registered worker, as stored."""

    id: str
    org: str
    pool: str
    name: str
    type: str | None = None  # counts as one of its capabilities
    metadata: dict[str, Any] | None = None  # its owner's own notes
    hours: Mapping[str, Any] | None = None  # when it works: timezone, start, end, days (domain.hours); None: always
    changed_by: str | None = None  # who made the latest change, when it was a caller
    max_concurrent: int
    weight: int = 1  # 1-100; its share under weighted balancing
    capabilities: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)  # predict, health, metrics
    callback_path: str | None = None  # where it reports, below its API's URL: has {task_id}, {worker_id}, {lease}
    sealed_key: str | None = None
    plan: str = "standard"  # the rate plan of whoever registered it
    socket: bool = False  # its tasks go to it over a WebSocket, which it opens itself
    connection: str | None = None  # that WebSocket, while there is one
    attempt_ms: int | None = None  # the longest it may take for a task
    health: Health = Health.HEALTHY
    alive: bool = True  # False once a heartbeat is overdue and its probe failed
    maintenance: bool = False
    maintenance_reason: str | None = None
    drained: bool = False  # out of rotation, and its leases go back
    removed: bool = False  # unregistered; goes away once its leases are handed back
    registered_at: int
    updated_at: int
    version: int = 1
    last_heartbeat_at: int
    placed_at: int | None = None  # when a task was last placed on it, or left it
    heartbeat_timeout_ms: int
    online_since: int | None = None
    reported: dict[str, Any] | None = None  # what it last said of its own load
    leases: Mapping[str, int] = field(default_factory=dict)  # task id -> epoch
    commands: Mapping[str, int] = field(default_factory=dict)  # "<task id>:<attempt>" to stop -> since when
    completed: int = 0  # attempts that it completed
    failed: int = 0  # attempts that it burned
    credits: int = 0  # how often an end was counted for it that it had no lease of
    attempt_failures: int = 0  # attempts in a row that failed through it, with no completion in between
    unreached: int = 0  # hand-overs and probes in a row that certainly did not arrive
    unreached_since: int | None = None  # when the first of them failed
    suspended_until: int | None = None  # gets nothing before it was probed then (domain.breaker)
    on_trial: bool = False  # suspended only until it has answered the task that it was given
    rest_until: int | None = None  # it asked to be left alone until then
    wake_at: int | None = None

    @property
    def pushed(self) -> bool:
        """Whether tasks are handed to it over HTTP."""
        return "predict" in self.endpoints

    @property
    def built_in(self) -> bool:
        """Whether it is the house itself."""
        return self.id == BUILT_IN

    @property
    def handed(self) -> bool:
        """Whether tasks are handed to it in some way, rather than fetched by it."""
        return self.pushed or self.socket or self.built_in

    @property
    def room(self) -> int:
        """How many more leases it may take."""
        return max(0, self.max_concurrent - len(self.leases))

    @property
    def overdue_at(self) -> int:
        return self.last_heartbeat_at + self.heartbeat_timeout_ms

    @property
    def online(self) -> bool:
        """Alive and in rotation: what uptime counts."""
        return self.alive and not self.maintenance and not self.removed

    @property
    def standing(self) -> str:
        """One word for what may be expected of it: offline, error, busy or available."""
        if not self.online:
            return "offline"
        if self.health is Health.UNHEALTHY:
            return "error"
        return "available" if self.room else "busy"

    @property
    def trusted(self) -> bool:
        """Whether its latest attempt did not fail through it, and its latest hand-over arrived."""
        return not self.attempt_failures and not self.unreached

    @property
    def slots(self) -> int:
        """How many leases it may hold: one, while all its latest attempts failed through it."""
        suspect = self.attempt_failures >= backoff.FAILURES_IN_A_ROW and not self.built_in
        return 1 if suspect else self.max_concurrent

    def silent(self, now: int) -> bool:
        """Whether its heartbeat is overdue and there is no endpoint to ask instead; the sweep will find it gone."""
        return self.overdue_at <= now and not self.pushed and not self.built_in

    def expected(self, now: int) -> bool:
        """Whether it takes tasks, be it now or once it has room, has rested or was probed."""
        reachable = (self.connection is not None or not self.socket) and not self.silent(now)
        fit = self.online and self.health is not Health.UNHEALTHY and reachable
        return fit and is_open(self.hours, now)

    def resting_until(self, now: int) -> int | None:
        """Until when it is left alone: it asked for it, cannot be reached, or its latest attempts all failed."""
        calm_at = (self.placed_at or 0) + (0 if self.built_in else backoff.after_failures(self.attempt_failures))
        until = max(self.rest_until or 0, calm_at, self.suspended_until or 0)
        return until if until > now or self.suspended_until is not None else None

    def assignable(self, now: int) -> bool:
        """Whether its owner may give it work by hand, although its latest attempts failed."""
        resting = self.suspended_until is not None or (self.rest_until or 0) > now
        return self.expected(now) and not resting

    def accepting(self, now: int) -> bool:
        """Whether new work may be given to it at all."""
        return self.expected(now) and self.resting_until(now) is None

    def offers(self, needs: Needs) -> bool:
        """Whether it can do work with these needs."""
        if needs.worker not in (None, self.id):
            return False
        if self.built_in and not needs.capabilities:
            return False  # the house does what it has a performer for, and nothing else
        offered = {*self.capabilities, self.type}
        return needs.capabilities <= offered and (needs.group is None or needs.group in self.groups)


class Beat(NamedTuple):
    """What one heartbeat says."""

    health: Health
    reported: Mapping[str, Any] | None = None
    receipts: tuple[str, ...] = ()  # commands that the worker has carried out


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The dispatcher's own memory of one pool of one org, and who holds the pool's permits."""

    org: str
    pool: str
    algorithm: str = "weighted-round-robin"
    cursor: str | None = None  # worker that round-robin chose last
    weights: Mapping[str, int] = field(default_factory=dict)  # current weights of smooth weighted round-robin
    lanes: Mapping[str, Needs] = field(default_factory=dict)
    permits: Mapping[str, frozenset[str]] = field(default_factory=dict)  # key -> ids of the tasks that hold one
    wake_at: int | None = None  # set while ready tasks are waiting: look again then
    watches: int = 0  # how often waiting tasks were put under the pool's look
    departed_completed: int = 0  # what the workers that were removed had completed
    departed_failed: int = 0
