"""What the agent endpoints of the projects API take and answer (coordinaitor.md, "Agent Endpoints")."""

from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from chalicelib import clock
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.rotation import standing_at
from chalicelib.domain.tasks.worker import Beat, Health, Worker
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
Slots = Annotated[int, Field(ge=1, le=500, strict=True, description="Tasks that it works on at once.")]
CommandId = Annotated[str, StringConstraints(max_length=64, pattern=r"^(drain|task[_-][a-z0-9]+:[0-9]+)$")]


def _zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError("must be a time zone such as UTC or America/New_York")
    return name


Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Closing = Annotated[str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]


class WorkingHours(CamelSchema):
    """When it is given tasks, by the clocks of its zone. A window that ends before it starts runs past midnight."""

    timezone: Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)] = Field(examples=["UTC"])
    start: Clock = Field(examples=["09:00"])
    end: Closing = Field(examples=["17:00"], description="Not included; 24:00 is midnight.")
    days: list[Day] | None = Field(
        default=None, min_length=1, max_length=len(DAYS), description="Days on which the window begins; else all."
    )


def _own(key: str) -> str:
    if key.startswith(PREFIX):
        raise ValueError(f"must not begin with {PREFIX}: that is how API keys of people begin")
    return key


OwnKey = Annotated[
    str, SECRET, StringConstraints(min_length=16, max_length=512, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_own)
]

NOTES = ("model", "provider", "specializations", "configuration")
"""What the engine keeps beside the worker, without reading it."""


class Described(CamelSchema):
    """What is said of an agent. null clears what may be null."""

    model: Name | None = Field(default=None, examples=["gpt-4"])
    provider: Name | None = Field(default=None, examples=["openai"])
    capabilities: Words = Field(default=[], examples=[["react", "nodejs"]])
    specializations: Words = Field(default=[], examples=[["full-stack"]])
    max_concurrent_tasks: Slots = 1
    working_hours: WorkingHours | None = Field(default=None, description="null: always.")
    configuration: dict[str, Any] = Field(
        default_factory=dict,
        description="The agent's own settings: with model, provider and specializations at most 16,000 characters as "
        "JSON.",
    )
    endpoint: Url | None = Field(
        default=None,
        description="Tasks are POSTed here; a GET that is answered with 200 says that it is there. Without it the "
        "agent fetches its tasks and sends heartbeats (docs/how-to/write-an-agent.md).",
        examples=["https://agents.example.com/full-stack"],
    )

    @property
    def notes(self) -> dict[str, Any]:
        """As the engine keeps them; only what is said."""
        return self.model_dump(include={*NOTES}, exclude_unset=True)

    @property
    def hours(self) -> dict[str, Any]:
        """As the engine keeps them (domain.hours); empty: always."""
        return self.working_hours.model_dump(exclude_none=True) if self.working_hours else {}

    @property
    def endpoints(self) -> dict[str, str]:
        """Where the agent listens, if it does."""
        return {"predict": self.endpoint} if self.endpoint else {}


class AgentIn(Described):
    """An agent to be created."""

    name: Name = Field(examples=["Full Stack Developer Bot"])
    type: AgentType
    socket: bool = Field(
        default=False,
        strict=True,
        description="true: it opens the WebSocket /agents/{id} and gets its tasks there; it has no endpoint then.",
    )
    api_key: OwnKey | None = Field(
        default=None,
        description="The agent's own key: sent to its endpoint with each task, and accepted as X-API-Key from it on "
        "its heartbeats, its list of tasks and its reports. Never shown again.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.socket and self.endpoint:
            raise ValueError("may have socket or endpoint, not both")
        return self

    def registration(self, pool: str, plan: str) -> Registration:
        """As the engine lets workers join."""
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
            metadata=self.notes,
            socket=self.socket,
        )


class AgentUpdate(Described):
    """What changes; what is left out stays."""

    name: Name | None = None
    type: AgentType | None = None

    def change(self) -> WorkerChange:
        """As the engine changes workers."""
        said = self.model_fields_set
        return WorkerChange(
            name=self.name,
            type=self.type,
            max_concurrent=self.max_concurrent_tasks if "max_concurrent_tasks" in said else None,
            capabilities=tuple(dict.fromkeys(self.capabilities)) if "capabilities" in said else None,
            hours=self.hours if "working_hours" in said else None,
            endpoints=self.endpoints if "endpoint" in said else None,
            metadata=self.notes or None,
        )


class DisableIn(CamelSchema):
    """Why an agent is disabled, and what becomes of the tasks that it works on."""

    reason: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        default=None, examples=["Maintenance required"]
    )
    release: bool = Field(
        default=False, strict=True, description="true: they go back to the queue at once; false: it finishes them."
    )


class HeartbeatIn(CamelSchema):
    """How an agent says it is."""

    status: Health = Field(default=Health.HEALTHY, description="An unhealthy agent is given nothing.")
    current_load: float | None = Field(default=None, ge=0, le=1_000_000, strict=True)
    receipts: list[CommandId] = Field(default=[], max_length=100, description="Ids of commands carried out.")

    @property
    def beat(self) -> Beat:
        """As the engine notes it."""
        done = dict.fromkeys(name for name in self.receipts if name != "drain")
        reported = {"current_load": self.current_load} if self.current_load is not None else None
        return Beat(self.status, reported, tuple(done))


class Command(CamelSchema):
    """What the agent is to do. It is repeated until its id comes back in `receipts`, for at most 15 minutes."""

    id: str
    type: Literal["cancel", "drain"]
    task_id: str | None = None
    attempt: int | None = None


class AgentOut(CamelSchema):
    """An agent as it is now. Its shares and times are of all it has done; null while it has done nothing."""

    id: str = Field(examples=["agent_abc123"])
    name: str
    type: str
    status: AgentStatus = Field(
        description="available: would be given a task now; busy: has no room, or rests; error: says that it is "
        "unhealthy; offline: not heard of for 90 s, not reached, pausing after failed attempts, disabled, or outside "
        "its working hours."
    )
    model: str | None
    provider: str | None
    capabilities: list[str]
    specializations: list[str]
    max_concurrent_tasks: int
    current_tasks: int
    current_load: float | None = Field(description="As its last heartbeat said, if it did.")
    average_response_time: float | None = Field(description="Seconds from being given a task to its result.")
    success_rate: float | None = Field(description="Share (0-1) completed of all that ended in its hands.")
    total_tasks_completed: int
    created_at: Instant
    updated_at: Instant
    last_active_at: Instant = Field(description="Its last heartbeat, or when a task last came or went.")
    working_hours: dict[str, Any] | None
    configuration: dict[str, Any]
    endpoint: str | None
    socket: bool
    enabled: bool
    disabled_reason: str | None

    @classmethod
    def of(cls, worker: Worker, figures: Counts, **more: Any) -> Self:
        """The agent, with what it has done since it was created (`agents.figures`)."""
        notes = worker.metadata or {}
        return cls(
            id=worker.id,
            name=worker.name,
            type=worker.type or "",
            status=agent_status(worker),
            model=notes.get("model"),
            provider=notes.get("provider"),
            capabilities=list(worker.capabilities),
            specializations=notes.get("specializations", []),
            max_concurrent_tasks=worker.max_concurrent,
            current_tasks=len(worker.leases),
            current_load=(worker.reported or {}).get("current_load"),
            average_response_time=response_time(figures),
            success_rate=success_rate(figures),
            total_tasks_completed=worker.completed,
            created_at=worker.registered_at,
            updated_at=worker.updated_at,
            last_active_at=max(worker.last_heartbeat_at, worker.placed_at or 0),
            working_hours=dict(worker.hours) if worker.hours else None,
            configuration=notes.get("configuration", {}),
            endpoint=worker.endpoints.get("predict"),
            socket=worker.socket,
            enabled=not worker.maintenance,
            disabled_reason=worker.maintenance_reason,
            **more,
        )


def agent_status(worker: Worker) -> AgentStatus:
    """The document's word for what may be expected of an agent now."""
    return cast(AgentStatus, standing_at(worker, clock.now()))


def response_time(figures: Counts) -> float | None:
    """Seconds from being given a task to its result, on average; None without any."""
    return round(figures["took_ms"] / figures["taken"] / clock.SECOND, 1) if figures["taken"] else None


def success_rate(figures: Counts) -> float | None:
    """The share completed of all that ended in an agent's hands; None when nothing did."""
    ended = figures.processed + figures["cancelled"]
    return round(figures["completed"] / ended, 4) if ended else None


class HeartbeatOut(CamelSchema):
    """A heartbeat that was noted, and what the agent is to do."""

    id: str
    status: AgentStatus
    commands: list[Command]


class AgentDeleted(CamelSchema):
    """An agent that is gone."""

    id: str
    deleted: Literal[True] = True
