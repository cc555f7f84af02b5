"""A worker, its heartbeat, and its pool as plain values.

Instants are epoch milliseconds in UTC; durations ending in `_ms` are milliseconds. Values are frozen: a rule takes
one and returns the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from chalicelib.domain import backoff
from chalicelib.domain.tasks.task import Needs
from chalicelib.domain.tasks.working_hours import is_open

BUILT_IN = "builtin"
"""Id of the worker, one for each pool that has any, under which Yardmaster runs tasks itself."""


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
    def has_task_endpoint(self) -> bool:
        """Whether tasks are handed to it over HTTP."""
        return "predict" in self.endpoints

    @property
    def is_built_in(self) -> bool:
        """Whether it is the house itself."""
        return self.id == BUILT_IN

    @property
    def needs_handover(self) -> bool:
        """Whether tasks are handed to it in some way, rather than fetched by it."""
        return self.has_task_endpoint or self.socket or self.is_built_in

    @property
    def free_slots(self) -> int:
        """How many more leases it may take."""
        return max(0, self.max_concurrent - len(self.leases))

    @property
    def overdue_at(self) -> int:
        return self.last_heartbeat_at + self.heartbeat_timeout_ms

    @property
    def is_online(self) -> bool:
        """Alive and in rotation: what uptime counts."""
        return self.alive and not self.maintenance and not self.removed

    @property
    def availability(self) -> str:
        """One word for what may be expected of it: offline, error, busy or available."""
        if not self.is_online:
            return "offline"
        if self.health is Health.UNHEALTHY:
            return "error"
        return "available" if self.free_slots else "busy"

    @property
    def is_trusted(self) -> bool:
        """Whether its latest attempt did not fail through it, and its latest hand-over arrived."""
        return not self.attempt_failures and not self.unreached

    @property
    def slots(self) -> int:
        """How many leases it may hold: one, while all its latest attempts failed through it."""
        suspect = self.attempt_failures >= backoff.SUSPECT_AFTER_FAILURES and not self.is_built_in
        return 1 if suspect else self.max_concurrent

    def is_silent(self, now: int) -> bool:
        """Whether its heartbeat is overdue and there is no endpoint to ask instead; the sweep will find it gone."""
        return self.overdue_at <= now and not self.has_task_endpoint and not self.is_built_in

    def is_in_service(self, now: int) -> bool:
        """Whether it takes tasks, be it now or once it has room, has rested or was probed."""
        reachable = (self.connection is not None or not self.socket) and not self.is_silent(now)
        fit = self.is_online and self.health is not Health.UNHEALTHY and reachable
        return fit and is_open(self.hours, now)

    def resting_until(self, now: int) -> int | None:
        """Until when it is left alone: it asked for it, cannot be reached, or its latest attempts all failed."""
        calm_at = (self.placed_at or 0) + (
            0 if self.is_built_in else backoff.pause_after_failures_ms(self.attempt_failures)
        )
        until = max(self.rest_until or 0, calm_at, self.suspended_until or 0)
        return until if until > now or self.suspended_until is not None else None

    def can_be_assigned(self, now: int) -> bool:
        """Whether its owner may give it work by hand, although its latest attempts failed."""
        resting = self.suspended_until is not None or (self.rest_until or 0) > now
        return self.is_in_service(now) and not resting

    def can_take_tasks(self, now: int) -> bool:
        """Whether new work may be given to it at all."""
        return self.is_in_service(now) and self.resting_until(now) is None

    def can_serve(self, needs: Needs) -> bool:
        """Whether it can do work with these needs."""
        if needs.worker not in (None, self.id):
            return False
        if self.is_built_in and not needs.capabilities:
            return False  # the house does what it has a performer for, and nothing else
        offered = {*self.capabilities, self.type}
        return needs.capabilities <= offered and (needs.group is None or needs.group in self.groups)


class Heartbeat(NamedTuple):
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
    limit_holders: Mapping[str, frozenset[str]] = field(default_factory=dict)  # key -> ids of the tasks that hold one
    wake_at: int | None = None  # set while ready tasks are waiting: look again then
    watches: int = 0  # how often waiting tasks were put under the pool's look
    departed_completed: int = 0  # what the workers that were removed had completed
    departed_failed: int = 0
