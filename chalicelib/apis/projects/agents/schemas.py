"""Schemas of agents (coordinaitor.md, "Agent Endpoints")."""

from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from chalicelib import clock
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.rotation import availability_at
from chalicelib.domain.tasks.worker import Health, Heartbeat, Worker
from chalicelib.domain.tasks.working_hours import DAYS, is_zone
from chalicelib.edge import SECRET, CamelSchema, Instant
from chalicelib.engine.accounts.api_keys import PREFIX
from chalicelib.engine.projects import agents
from chalicelib.engine.workers.registration import Registration
from chalicelib.engine.workers.registry import WorkerChange

AgentType = Literal["coding", "analysis", "review", "qa", "documentation"]
AgentStatus = Literal["available", "busy", "offline", "error"]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Words = Annotated[list[Word], Field(max_length=64)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Slots = Annotated[int, Field(ge=1, le=500, strict=True, description="Tasks that it can work on at the same time.")]
CommandId = Annotated[str, StringConstraints(max_length=64, pattern=r"^(drain|task[_-][a-z0-9]+:[0-9]+)$")]


def _check_zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError("must be a time zone such as UTC or America/New_York")
    return name


ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
ClosingTime = Annotated[str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]


class WorkingHours(CamelSchema):
    """When the agent gets tasks, in its time zone. A window that ends before it starts runs past midnight."""

    timezone: Annotated[str, StringConstraints(max_length=64), AfterValidator(_check_zone)] = Field(examples=["UTC"])
    start: ClockTime = Field(examples=["09:00"])
    end: ClosingTime = Field(examples=["17:00"], description="Exclusive; 24:00 is midnight.")
    days: list[Day] | None = Field(
        default=None, min_length=1, max_length=len(DAYS), description="Days on which the window begins; all by default."
    )


def _check_own_key(key: str) -> str:
    if key.startswith(PREFIX):
        raise ValueError(f"must not begin with {PREFIX}, the prefix of users' API keys")
    return key


OwnKey = Annotated[
    str,
    SECRET,
    StringConstraints(min_length=16, max_length=512, pattern=r"^[\x21-\x7e]+$"),
    AfterValidator(_check_own_key),
]

METADATA_FIELDS = ("model", "provider", "specializations", "configuration")
"""Fields that the engine stores as the worker's metadata."""


class _AgentFields(CamelSchema):
    """Fields of an agent that can be created and changed. null clears a field that may be null."""

    model: Name | None = Field(default=None, examples=["gpt-4"])
    provider: Name | None = Field(default=None, examples=["openai"])
    capabilities: Words = Field(default=[], examples=[["react", "nodejs"]])
    specializations: Words = Field(default=[], examples=[["full-stack"]])
    max_concurrent_tasks: Slots = 1
    working_hours: WorkingHours | None = Field(default=None, description="null: always.")
    configuration: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the agent. Together with model, provider and specializations they have at most 16,000 "
        "characters as JSON.",
    )
    endpoint: Url | None = Field(
        default=None,
        description="Tasks are POSTed to this URL; answer a GET with 200 to show that the agent is available. Without "
        "it the agent fetches its tasks and sends heartbeats (docs/how-to/write-an-agent.md).",
        examples=["https://agents.example.com/full-stack"],
    )

    @property
    def metadata(self) -> dict[str, Any]:
        """The worker's metadata, with the fields that were sent."""
        return self.model_dump(include={*METADATA_FIELDS}, exclude_unset=True)

    @property
    def hours(self) -> dict[str, Any]:
        """The worker's hours (domain/tasks/working_hours.py); empty: always."""
        return self.working_hours.model_dump(exclude_none=True) if self.working_hours else {}

    @property
    def endpoints(self) -> dict[str, str]:
        """The worker's endpoints; empty without one."""
        return {"predict": self.endpoint} if self.endpoint else {}


class AgentIn(_AgentFields):
    """An agent to be created."""

    name: Name = Field(examples=["Full Stack Developer Bot"])
    type: AgentType
    socket: bool = Field(
        default=False,
        strict=True,
        description="true: the agent opens the WebSocket /agents/{id} and gets its tasks there; it has no endpoint.",
    )
    api_key: OwnKey | None = Field(
        default=None,
        description="The agent's own key. It is sent to the endpoint with each task, and accepted as X-API-Key on the "
        "agent's heartbeats, list of tasks and reports. It is never shown again.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.socket and self.endpoint:
            raise ValueError("can have socket or endpoint, not both")
        return self

    def to_registration(self, pool: str, plan: str) -> Registration:
        """The engine's registration of this agent."""
        return Registration(
            pool=pool,
            id_prefix="agent",
            name=self.name,
            type=self.type,
            max_concurrent=self.max_concurrent_tasks,
            capabilities=tuple(self.capabilities),
            hours=self.hours or None,
            endpoints=self.endpoints,
            api_key=self.api_key,
            callback_path=agents.CALLBACK_PATH,
            plan=plan,
            metadata=self.metadata,
            socket=self.socket,
        )


class AgentUpdate(_AgentFields):
    """Changes of an agent. Fields that are not sent stay as they are."""

    name: Name | None = None
    type: AgentType | None = None

    def to_change(self) -> WorkerChange:
        """The engine's change of the worker."""
        sent = self.model_fields_set
        return WorkerChange(
            name=self.name,
            type=self.type,
            max_concurrent=self.max_concurrent_tasks if "max_concurrent_tasks" in sent else None,
            capabilities=tuple(dict.fromkeys(self.capabilities)) if "capabilities" in sent else None,
            hours=self.hours if "working_hours" in sent else None,
            endpoints=self.endpoints if "endpoint" in sent else None,
            metadata=self.metadata or None,
        )


class DisableIn(CamelSchema):
    """Why an agent is disabled, and whether its tasks are released."""

    reason: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        default=None, examples=["Maintenance required"]
    )
    release: bool = Field(
        default=False, strict=True, description="true: its tasks are queued again at once; false: it finishes them."
    )


class HeartbeatIn(CamelSchema):
    """A heartbeat of an agent."""

    status: Health = Field(default=Health.HEALTHY, description="An unhealthy agent gets no tasks.")
    current_load: float | None = Field(default=None, ge=0, le=1_000_000, strict=True)
    receipts: list[CommandId] = Field(
        default=[], max_length=100, description="Ids of the commands that were carried out."
    )

    @property
    def beat(self) -> Heartbeat:
        """The engine's heartbeat."""
        done = dict.fromkeys(name for name in self.receipts if name != "drain")
        reported = {"current_load": self.current_load} if self.current_load is not None else None
        return Heartbeat(self.status, reported, tuple(done))


class Command(CamelSchema):
    """A command for the agent. It is repeated until its id is in `receipts`, for at most 15 minutes."""

    id: str
    type: Literal["cancel", "drain"]
    task_id: str | None = None
    attempt: int | None = None


class AgentOut(CamelSchema):
    """An agent. Its rates and times are of its whole life; null until its first task ends."""

    id: str = Field(examples=["agent_abc123"])
    name: str
    type: str
    status: AgentStatus = Field(
        description="available: can get a task now; busy: has no free slot, or is paused; error: reports that it is "
        "unhealthy; offline: no heartbeat for 90 s, unreachable, paused after failed attempts, disabled, or outside "
        "its working hours."
    )
    model: str | None
    provider: str | None
    capabilities: list[str]
    specializations: list[str]
    max_concurrent_tasks: int
    current_tasks: int
    current_load: float | None = Field(description="From its last heartbeat; null if it had none.")
    average_response_time: float | None = Field(description="Mean seconds from the handover of a task to its result.")
    success_rate: float | None = Field(description="Completed share (0-1) of its attempts that ended.")
    total_tasks_completed: int
    created_at: Instant
    updated_at: Instant
    last_active_at: Instant = Field(description="Its last heartbeat, or when it last got or ended a task.")
    working_hours: dict[str, Any] | None
    configuration: dict[str, Any]
    endpoint: str | None
    socket: bool
    enabled: bool
    disabled_reason: str | None

    @classmethod
    def from_worker(cls, worker: Worker, counts: Counts, **more: Any) -> Self:
        """The agent with its lifetime counts (`agents.read_lifetime_counts`)."""
        metadata = worker.metadata or {}
        return cls(
            id=worker.id,
            name=worker.name,
            type=worker.type or "",
            status=agent_status(worker),
            model=metadata.get("model"),
            provider=metadata.get("provider"),
            capabilities=list(worker.capabilities),
            specializations=metadata.get("specializations", []),
            max_concurrent_tasks=worker.max_concurrent,
            current_tasks=len(worker.leases),
            current_load=(worker.reported or {}).get("current_load"),
            average_response_time=response_time(counts),
            success_rate=success_rate(counts),
            total_tasks_completed=worker.completed,
            created_at=worker.registered_at,
            updated_at=worker.updated_at,
            last_active_at=max(worker.last_heartbeat_at, worker.placed_at or 0),
            working_hours=dict(worker.hours) if worker.hours else None,
            configuration=metadata.get("configuration", {}),
            endpoint=worker.endpoints.get("predict"),
            socket=worker.socket,
            enabled=not worker.maintenance,
            disabled_reason=worker.maintenance_reason,
            **more,
        )


def agent_status(worker: Worker) -> AgentStatus:
    """The status of an agent now, in the document's words."""
    return cast(AgentStatus, availability_at(worker, clock.now()))


def response_time(counts: Counts) -> float | None:
    """Mean seconds from the handover of a task to its result; None without any."""
    return round(counts["took_ms"] / counts["taken"] / clock.SECOND, 1) if counts["taken"] else None


def success_rate(counts: Counts) -> float | None:
    """Completed share of an agent's attempts that ended; None without any."""
    ended = counts.processed + counts["cancelled"]
    return round(counts["completed"] / ended, 4) if ended else None


class HeartbeatOut(CamelSchema):
    """The agent's status after a heartbeat, and commands for it."""

    id: str
    status: AgentStatus
    commands: list[Command]


class AgentDeleted(CamelSchema):
    """A deleted agent."""

    id: str
    deleted: Literal[True] = True
