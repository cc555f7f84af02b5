"""Configuration of the agent and of single agents (delqhi-platform.md, "Agent Configuration")."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.codeserver import access
from chalicelib.apis.codeserver.access import NAME
from chalicelib.apis.codeserver.workers import RUNS_TESTS
from chalicelib.domain.document import Document
from chalicelib.domain.settings.agent import MAX_RETRIES, TIMEOUT_SECONDS
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import Caller, ClosedSchema, NaiveInstant, Routes, Schema
from chalicelib.engine.models import catalogue, current_model
from chalicelib.engine.settings import agent_configs, agent_settings
from chalicelib.engine.workers import registry
from chalicelib.errors import InvalidRequest

routes = Routes("/api/config", tag="Configuration")

LogLevel = Literal["debug", "info", "warning", "error"]
AgentStatus = Literal["active", "paused", "inactive"]
Capability = Literal["code-generation", "testing", "chat"]
AgentId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class AgentOut(Schema):
    """The agent, and the settings of the org for it. `timeout_seconds` bounds one attempt at a code task."""

    name: str = "OpenHands"
    version: str = "4.1"
    timeout_seconds: int
    max_retries: int = Field(description="Attempts after the first one.")
    log_level: LogLevel = Field(description="The logs show lines of this level and of higher ones.")


class ModelsOut(Schema):
    """The org's model, and those that are asked when it fails; null and none where no model is configured."""

    default: str | None
    fallback: list[str]

    @classmethod
    def of_org(cls, org: str) -> Self:
        known = [entry.model.id for entry in catalogue.list_models(org)]
        default = current_model.get_current(org).entry.model.id if known else None
        return cls(default=default, fallback=[model_id for model_id in known if model_id != default])


class ConfigOut(Schema):
    """The configuration that is in force."""

    agent: AgentOut
    models: ModelsOut
    capabilities: list[Capability] = Field(
        description="code-generation: a live worker is in rotation. testing: one of them runs tests. chat: a model can "
        "be called, which answers the messages of chats."
    )
    webhooks_enabled: bool = Field(
        description="Whether other systems can call the webhooks without a token, by a secret of the org."
    )


class ConfigIn(ClosedSchema):
    """The settings to change. What is left out stays. The next task uses them."""

    timeout_seconds: int | None = Field(
        default=None, ge=TIMEOUT_SECONDS.least, le=TIMEOUT_SECONDS.most, strict=True, examples=[600]
    )
    max_retries: int | None = Field(default=None, ge=MAX_RETRIES.least, le=MAX_RETRIES.most, strict=True, examples=[3])
    log_level: LogLevel | None = Field(default=None, examples=["debug"])

    @property
    def changes(self) -> dict[str, Any]:
        """The settings that are named. Raises InvalidRequest when none is."""
        named = {name: value for name, value in self.model_dump().items() if value is not None}
        if not named:
            raise InvalidRequest(f"The body must have at least one of {', '.join(type(self).model_fields)}")
        return named


class ConfigUpdated(Schema):
    """The settings that were changed."""

    status: Literal["updated"] = "updated"
    updated_at: NaiveInstant
    changes: dict[str, Any]


class AgentRow(Schema):
    """A registered worker, or an agent that is only configured. `active`: a live worker in rotation. `paused`: a live
    worker out of rotation. `inactive`: a worker that is silent, or none."""

    id: str
    name: str
    status: AgentStatus
    version: str | None = Field(description="What the worker's metadata or the configuration says; null without.")
    config: dict[str, Any] = Field(description="As it was configured; empty without.")

    @classmethod
    def from_worker(cls, worker: Worker, config: dict[str, Any]) -> Self:
        version = (worker.metadata or {}).get("version") or config.get("version")
        return cls(id=worker.id, name=worker.name, status=_worker_status(worker), version=_text(version), config=config)

    @classmethod
    def from_document(cls, document: Document) -> Self:
        config = document.body["config"]
        name = _text(config.get("name")) or document.id
        return cls(id=document.id, name=name, status="inactive", version=_text(config.get("version")), config=config)


def _worker_status(worker: Worker) -> AgentStatus:
    if not worker.alive or worker.is_silent(clock.now()):
        return "inactive"
    return "active" if worker.is_online else "paused"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


class AgentList(Schema):
    """The registered workers, then the agents that are only configured."""

    agents: list[AgentRow]
    total: int


class AgentConfigIn(Schema):
    """The configuration of one agent, which replaces the one that it has."""

    agent_id: AgentId = Field(
        description="The name or the id of a worker, which is configured by its name, or the id of another agent.",
        examples=["agent-05"],
    )
    config: dict[str, Any] = Field(
        description="Your own settings for it, at most 4,000 characters as JSON.", examples=[{"stealth_mode": True}]
    )


class AgentConfigured(Schema):
    """An agent that was configured."""

    agent_id: str
    status: Literal["configured"] = "configured"
    applied_at: NaiveInstant


class AgentConfigRemoved(Schema):
    """An agent whose configuration was removed."""

    agent_id: str
    status: Literal["removed"] = "removed"
    removed_at: NaiveInstant


@routes.get(errors=[503])
def get_config(caller: Caller) -> ConfigOut:
    """See the configuration that is in force."""
    agent = AgentOut(**agent_settings.get(caller.org)._asdict())
    models = ModelsOut.of_org(caller.org)
    workers = registry.list_workers(caller.org, NAME)
    return ConfigOut(
        agent=agent,
        models=models,
        capabilities=_capabilities(workers, has_model=catalogue.has_active_model(caller.org)),
        webhooks_enabled=access.has_webhooks(caller.org),
    )


def _capabilities(workers: Sequence[Worker], *, has_model: bool) -> list[Capability]:
    active = [worker for worker in workers if _worker_status(worker) == "active"]
    offered: dict[Capability, bool] = {
        "code-generation": bool(active),
        "testing": any((worker.metadata or {}).get(RUNS_TESTS) is True for worker in active),
        "chat": has_model,
    }
    return [name for name, is_offered in offered.items() if is_offered]


@routes.put()
def update_config(caller: Caller, body: ConfigIn) -> ConfigUpdated:
    """Change settings of the agent. An unknown setting is refused."""
    changes = body.changes
    return ConfigUpdated(updated_at=agent_settings.change(caller.org, changes, caller.subject), changes=changes)


@routes.get("/agents")
def list_agents(caller: Caller) -> AgentList:
    """List the agents: the registered workers, and what else is configured."""
    configs = {document.id: document for document in agent_configs.list_all(caller.org)}
    workers = registry.list_workers(caller.org, NAME)
    rows = [AgentRow.from_worker(worker, _config_of(configs.get(worker.name))) for worker in workers]
    names = {worker.name for worker in workers}
    rows += [AgentRow.from_document(document) for name, document in configs.items() if name not in names]
    return AgentList(agents=rows, total=len(rows))


def _config_of(document: Document | None) -> dict[str, Any]:
    return document.body["config"] if document is not None else {}


@routes.post("/agent", errors=[409])
def configure_agent(caller: Caller, body: AgentConfigIn) -> AgentConfigured:
    """Store the configuration of one agent, for its owner and for the agent to read."""
    name = _name_of(caller.org, body.agent_id)
    document = agent_configs.configure(caller.org, name, body.config, caller.subject)
    return AgentConfigured(agent_id=body.agent_id, applied_at=document.updated_at)


@routes.delete("/agent/{agent_id}")
def remove_agent_config(caller: Caller, agent_id: AgentId) -> AgentConfigRemoved:
    """Remove the configuration of one agent. The document has no such endpoint."""
    agent_configs.remove(caller.org, _name_of(caller.org, agent_id))
    return AgentConfigRemoved(agent_id=agent_id, removed_at=clock.now())


def _name_of(org: str, agent_id: str) -> str:
    """What an agent is configured by: a worker's name, because its id is new each time that it registers."""
    workers = registry.list_workers(org, NAME)
    return next((worker.name for worker in workers if worker.id == agent_id), agent_id)
