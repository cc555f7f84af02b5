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
    """How well a worker can work, as it reports itself."""

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
    metadata: dict[str, Any] | None = None  # notes of its owner
    hours: Mapping[str, Any] | None = None  # when it works: timezone, start, end, days (working_hours); None: always
    changed_by: str | None = None  # who made the latest change, when it was a caller
    max_concurrent: int
    weight: int = 1  # 1-100; its share under weighted balancing
    capabilities: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)  # predict, health, metrics
    callback_path: str | None = None  # path for reports below the API's URL: contains {task_id}, {worker_id}, {lease}
    sealed_key: str | None = None
    plan: str = "standard"  # the rate plan of the caller that registered it
    socket: bool = False  # it gets its tasks over a WebSocket, which it opens itself
    connection: str | None = None  # id of that WebSocket while it is open
    attempt_ms: int | None = None  # the longest attempt that it allows
    health: Health = Health.HEALTHY
    alive: bool = True  # False once a heartbeat is overdue and its probe failed
    maintenance: bool = False
    maintenance_reason: str | None = None
    drained: bool = False  # out of rotation, and its leases are given back
    removed: bool = False  # unregistered; deleted once its leases are given back
    registered_at: int
    updated_at: int
    version: int = 1
    last_heartbeat_at: int
    placed_at: int | None = None  # when it was last leased a task, or a lease of it ended
    heartbeat_timeout_ms: int
    online_since: int | None = None
    restarted_at: int | None = None  # when its org last restarted it by a command
    reported: dict[str, Any] | None = None  # its latest report of its own load
    leases: Mapping[str, int] = field(default_factory=dict)  # task id -> epoch
    commands: Mapping[str, int] = field(default_factory=dict)  # "<task id>:<attempt>" to stop -> since when
    completed: int = 0  # attempts that it completed
    failed: int = 0  # attempts of it that failed
    credits: int = 0  # tasks counted for it that ended in its name without a lease
    attempt_failures: int = 0  # failed attempts in a row that may be its fault, with no completion in between
    unreached: int = 0  # handovers and probes in a row that certainly did not arrive
    unreached_since: int | None = None  # when the first of them failed
    suspended_until: int | None = None  # it is probed then, and gets no task before (circuit_breaker)
    on_trial: bool = False  # suspended only until it answers the handover that is under way
    rest_until: int | None = None  # it asked for no tasks until then
    wake_at: int | None = None

    @property
    def has_task_endpoint(self) -> bool:
        """Whether tasks are handed to it over HTTP."""
        return "predict" in self.endpoints

    @property
    def is_built_in(self) -> bool:
        """Whether it stands for Yardmaster's own performers."""
        return self.id == BUILT_IN

    @property
    def needs_handover(self) -> bool:
        """Whether Yardmaster sends it its tasks, rather than that it fetches them."""
        return self.has_task_endpoint or self.socket or self.is_built_in

    @property
    def free_slots(self) -> int:
        """How many more leases it may have."""
        return max(0, self.max_concurrent - len(self.leases))

    @property
    def overdue_at(self) -> int:
        """When its next heartbeat is overdue."""
        return self.last_heartbeat_at + self.heartbeat_timeout_ms

    @property
    def is_online(self) -> bool:
        """Alive and in rotation: what the uptime counts."""
        return self.alive and not self.maintenance and not self.removed

    @property
    def availability(self) -> str:
        """Its availability in one word: offline, error, busy or available."""
        if not self.is_online:
            return "offline"
        if self.health is Health.UNHEALTHY:
            return "error"
        return "available" if self.free_slots else "busy"

    @property
    def is_trusted(self) -> bool:
        """Whether its latest attempt did not fail by its fault, and its latest handover arrived."""
        return not self.attempt_failures and not self.unreached

    @property
    def slots(self) -> int:
        """How many leases it may have: one, while its latest attempts all failed by its fault."""
        is_suspect = self.attempt_failures >= backoff.SUSPECT_AFTER_FAILURES and not self.is_built_in
        return 1 if is_suspect else self.max_concurrent

    def is_silent(self, now: int) -> bool:
        """Whether its heartbeat is overdue and it has no endpoint that can be probed; the sweep sets it offline."""
        return self.overdue_at <= now and not self.has_task_endpoint and not self.is_built_in

    def is_in_service(self, now: int) -> bool:
        """Whether it takes tasks now, or will once it has a free slot, has rested or was probed."""
        is_reachable = (self.connection is not None or not self.socket) and not self.is_silent(now)
        is_fit = self.is_online and self.health is not Health.UNHEALTHY and is_reachable
        return is_fit and is_open(self.hours, now)

    def resting_until(self, now: int) -> int | None:
        """Until when it gets no task: it asked for that, cannot be reached, or its latest attempts all failed."""
        pause_ms = 0 if self.is_built_in else backoff.pause_after_failures_ms(self.attempt_failures)
        until = max(self.rest_until or 0, (self.placed_at or 0) + pause_ms, self.suspended_until or 0)
        return until if until > now or self.suspended_until is not None else None

    def can_be_assigned(self, now: int) -> bool:
        """Whether its owner may assign tasks to it, even if its latest attempts failed."""
        is_resting = self.suspended_until is not None or (self.rest_until or 0) > now
        return self.is_in_service(now) and not is_resting

    def can_take_tasks(self, now: int) -> bool:
        """Whether the dispatcher may lease tasks to it, if it has a free slot."""
        return self.is_in_service(now) and self.resting_until(now) is None

    def can_serve(self, needs: Needs) -> bool:
        """Whether it meets these needs."""
        if needs.worker not in (None, self.id):
            return False
        if self.is_built_in and not needs.capabilities:
            return False  # it performs only the types that it has performers for
        offered = {*self.capabilities, self.type}
        return needs.capabilities <= offered and (needs.group is None or needs.group in self.groups)


class Heartbeat(NamedTuple):
    """The content of one heartbeat."""

    health: Health
    reported: Mapping[str, Any] | None = None
    receipts: tuple[str, ...] = ()  # commands that the worker has carried out


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The dispatch state of one pool of one org, and the tasks that its concurrency limits count."""

    org: str
    pool: str
    algorithm: str = "weighted-round-robin"
    cursor: str | None = None  # worker that round-robin chose last
    weights: Mapping[str, int] = field(default_factory=dict)  # current weights of smooth weighted round-robin
    lanes: Mapping[str, Needs] = field(default_factory=dict)
    limit_holders: Mapping[str, frozenset[str]] = field(default_factory=dict)  # key -> ids of held tasks
    wake_at: int | None = None  # the next check, while ready tasks wait
    watches: int = 0  # how often waiting tasks were put under the pool's watch
    departed_completed: int = 0  # tasks that removed workers had completed
    departed_failed: int = 0
