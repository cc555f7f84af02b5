"""Agents (glad-labs.md, "Agents"): what performs the steps of workflows and answers by language models."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib import clock
from chalicelib.domain.settings.studio import SYSTEM
from chalicelib.domain.tasks.pools import MODELS_POOL, STEPS_POOL
from chalicelib.domain.tasks.task import Phase
from chalicelib.edge import Caller, Instant, Routes, Schema
from chalicelib.engine.settings import groups
from chalicelib.engine.statistics import process_usage
from chalicelib.engine.workers import agent_health, agent_log, agents
from chalicelib.engine.workers.agent_log import AgentLine
from chalicelib.engine.workers.agents import Agent, Receipt

routes = Routes("/api/agents", tag="Agents")

POOLS = (STEPS_POOL, MODELS_POOL)
"""The pools whose tasks the agents do."""
AgentName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Size = Annotated[int, Field(ge=1, le=100, description="The most lines in the answer.")]
Parameters = dict[str, Any]
TASK_STATUSES: dict[Phase, Literal["pending", "in_progress", "completed", "failed"]] = {
    Phase.PENDING: "pending",
    Phase.HELD: "in_progress",
    Phase.COMPLETED: "completed",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "failed",
}


class AgentOut(Schema):
    """An agent. It is inactive while it is stopped, and error while it rests because it could not work."""

    name: str = Field(examples=["studio:research"])
    status: agents.Status
    uptime: int = Field(description="Seconds since its latest start; 0 while it is stopped, or has not worked yet.")
    tasks_completed: int

    @classmethod
    def from_agent(cls, agent: Agent, **more: Any) -> Self:
        now = clock.now()
        return cls(
            name=agent.name,
            status=agent.status(now),
            uptime=agent.uptime_seconds(now),
            tasks_completed=agent.counts["completed"],
            **more,
        )


class AgentList(Schema):
    """All agents: what the service performs itself, and registered workers."""

    agents: list[AgentOut]


class ReceiptOut(Schema):
    """The receipt of a command. An `execute` has a task, whose status and result are as of now."""

    command_id: str
    agent: str
    command: agents.Command
    status: Literal["pending", "in_progress", "completed", "failed"] = Field(
        description="Of the task; a command without one is completed."
    )
    accepted_at: Instant
    task_id: str | None
    result: Any = Field(description="Null until the task is completed, and for one of over 100 KB.")
    error: str | None

    @classmethod
    def from_receipt(cls, receipt: Receipt) -> Self:
        document, task = receipt
        return cls(
            command_id=document.id,
            agent=document.body["agent"],
            command=document.body["command"],
            status="completed" if task is None else TASK_STATUSES[task.phase],
            accepted_at=document.created_at,
            task_id=document.body["task_id"],
            result=task.result if task is not None else None,
            error=str(task.error.get("message")) if task is not None and task.error is not None else None,
        )


class AgentDetails(AgentOut):
    """An agent with its tasks now, and the latest ten commands to it."""

    kind: Literal["built_in", "worker"]
    tasks_failed: int = Field(description="Without those that a person rejected.")
    tasks_in_progress: int
    tasks_pending: int | None = Field(
        description="Without those that wait for a person's approval. Null for a worker: tasks wait for any of them."
    )
    recent_commands: list[ReceiptOut]

    @classmethod
    def with_commands(cls, agent: Agent, receipts: list[Receipt]) -> Self:
        return cls.from_agent(
            agent,
            kind="built_in" if agent.is_built_in else "worker",
            tasks_failed=agent.counts.failures,
            tasks_in_progress=max(0, agent.counts["active"]),
            tasks_pending=max(0, agent.counts["pending"]) if agent.is_built_in else None,
            recent_commands=[ReceiptOut.from_receipt(receipt) for receipt in receipts],
        )


class AgentCommandIn(Schema):
    """A command to an agent."""

    command: agents.Command = Field(
        description="stop: no new tasks, and what it does goes on. start ends that. restart: also no rest after "
        "failures. execute: do a task with these parameters."
    )
    parameters: Parameters = Field(
        default_factory=dict, description="Of execute: what the agent's tasks have. No other command has any."
    )


class LogLine(Schema):
    """One line of the log."""

    timestamp: Instant
    agent: str
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    message: str

    @classmethod
    def from_line(cls, line: AgentLine) -> Self:
        return cls(timestamp=line.at, agent=line.agent, level=line.level, message=line.message)


class LogPage(Schema):
    """The newest lines of the last day, newest first."""

    logs: list[LogLine]


class MemoryOut(Schema):
    """The memory of the machine that answers, in bytes."""

    total_memory: int
    used_memory: int
    available_memory: int
    memory_usage_percent: float


class HealthOut(Schema):
    """unhealthy: the database or the queue does not answer. degraded: an agent is in error, or half the tasks fail."""

    status: agent_health.Status
    uptime: int = Field(description="Seconds since the process that answers was started.")
    error_rate: float | None = Field(
        description="Failed tasks as a share of those that ended in the last one to two hours; null without any."
    )
    response_time_ms: float = Field(description="How long the slower of database and queue took to answer now.")


@routes.get("/status")
def list_agents(caller: Caller) -> AgentList:
    """List all agents with their status."""
    found = agents.list_agents(caller.org, POOLS)
    return AgentList(agents=[AgentOut.from_agent(agent) for agent in found])


@routes.get("/{agent_name}/status")
def get_agent(caller: Caller, agent_name: AgentName) -> AgentDetails:
    """Get one agent, with the receipts of the latest commands to it."""
    agent = agents.get(caller.org, agent_name, POOLS)
    return AgentDetails.with_commands(agent, agents.list_receipts(caller.org, agent))


@routes.post("/{agent_name}/command", errors=[409])
def send_agent_command(caller: Caller, agent_name: AgentName, body: AgentCommandIn) -> ReceiptOut:
    """Start, stop or restart an agent, or have it do a task. The answer is the receipt."""
    agent = agents.get(caller.org, agent_name, POOLS)
    receipt = agents.send_command(caller.org, agent, body.command, body.parameters, caller.subject)
    return ReceiptOut.from_receipt(receipt)


@routes.get("/logs")
def list_agent_logs(caller: Caller, agent: AgentName | None = None, limit: Size = 100) -> LogPage:
    """List what agents did in the last day, at the setting `log_level` and above it."""
    found, level = agents.list_agents(caller.org, POOLS), groups.read(caller.org, SYSTEM)["log_level"]
    lines = agent_log.read(caller.org, found, agent, level, limit)
    return LogPage(logs=[LogLine.from_line(line) for line in lines])


@routes.get("/memory/stats")
def get_memory(caller: Caller) -> MemoryOut:  # noqa: ARG001 - every caller gets the same
    """Measure the memory of the machine that answers."""
    total, available = process_usage.machine_memory()
    return MemoryOut(
        total_memory=total,
        used_memory=total - available,
        available_memory=available,
        memory_usage_percent=round(100 * (total - available) / total, 1),
    )


@routes.get("/health")
def get_agent_health(caller: Caller) -> HealthOut:
    """See whether the agents can work."""
    health = agent_health.check(caller.org, POOLS)
    return HealthOut(uptime=process_usage.uptime_s(), **health._asdict())
