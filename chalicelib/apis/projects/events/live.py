"""The projects API's WebSocket (coordinaitor.md, "Use WebSocket for Real-time Data";
docs/reference/projects-live.md)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, StringConstraints

from chalicelib.apis.projects.access import NAME, authenticate, require, with_permissions
from chalicelib.apis.projects.agents import keys
from chalicelib.apis.projects.agents.schemas import AgentStatus, AgentType
from chalicelib.apis.projects.events.live_access import may_see
from chalicelib.apis.projects.projects.schemas import ProjectStatus
from chalicelib.apis.projects.states import Priority, TaskStatus
from chalicelib.edge import (
    Caller,
    Channel,
    ConnectRequest,
    Enveloped,
    FrameHandler,
    Request,
    Schema,
    WorkerEndpoint,
    error_frame,
)
from chalicelib.engine.live import connections, event_feed
from chalicelib.engine.live.connections import Connection
from chalicelib.engine.live.frames import Frame
from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from chalicelib.errors import Forbidden, InvalidRequest, YardmasterError

LIVE_CHANNEL = "projects.live"
"""Name of the channel. The local stage can open it to callers without a credential, as in the document's example."""

AGENT_CHANNEL = "projects.agent"
"""Name of the channel at which agents get their tasks (docs/how-to/write-an-agent.md)."""

Topic = Literal["tasks", "agents", "projects"]
FILTERS: Mapping[Topic, tuple[str, ...]] = {
    "tasks": ("id", "taskId", "projectId", "agentId", "status", "priority", "createdBy"),
    "agents": ("id", "agentId", "type", "status"),
    "projects": ("id", "projectId", "status"),
}
"""Topic -> the fields that its events can be filtered by."""
FILTER_VALUES: Mapping[tuple[Topic, str], tuple[str, ...]] = {
    ("tasks", "status"): get_args(TaskStatus),
    ("tasks", "priority"): get_args(Priority),
    ("agents", "status"): get_args(AgentStatus),
    ("agents", "type"): get_args(AgentType),
    ("projects", "status"): get_args(ProjectStatus),
}
"""(topic, field) -> the values of fields that have few."""
Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Name = Annotated[str, StringConstraints(pattern=r"^[\w.:-]{1,64}$")]


class Subscribe(Schema):
    """Subscribe to the events of a channel. A filter is a value, or a list of values of which one must match."""

    type: Literal["subscribe"]
    channel: Topic
    filters: dict[Word, Word | Annotated[list[Word], Field(min_length=1, max_length=50)]] = Field(
        default_factory=dict, max_length=10
    )
    since: int | None = Field(
        default=None, ge=0, le=2**53, strict=True, description="Replay the events behind this sequence number."
    )
    id: Name | None = Field(default=None, description="The subscription's id; by default the name of the channel.")


class Unsubscribe(Schema):
    """End a subscription."""

    type: Literal["unsubscribe"]
    channel: Topic | None = None
    id: Name | None = None


class Ping(Schema):
    """Keep the connection from becoming idle."""


def _authenticate_watcher(request: Request) -> Caller:
    """Authenticate as the API does; without a credential only if this stage opens the channel."""
    if not any(name in request.headers for name in ("authorization", "x-api-key")):
        return with_permissions(authentication.authenticate_bearer(None, LIVE_CHANNEL))
    return authenticate(request)


def _handle_connect(caller: Caller, request: ConnectRequest) -> None:
    assert isinstance(caller, Principal)
    scope = None if caller.scope is None else " ".join(sorted(caller.scope))
    identity = (caller.subject, caller.role, caller.session, caller.key, scope)
    event_feed.open_connection(Connection(request.connection_id, caller.org, LIVE_CHANNEL, NAME, None, *identity))


def _handle_subscribe(connection: Connection, message: Subscribe) -> Frame | None:
    _check_filters(message)
    if not may_see(connection, message.channel):
        raise Forbidden(f"You need the permission {message.channel}:read for this")
    event_feed.subscribe(
        connection, message.id or message.channel, message.channel, _event_filters(message), message.since
    )
    return None  # the frame "subscribed" is sent in order with the events


def _check_filters(message: Subscribe) -> None:
    for name, value in message.filters.items():
        what = _filter_error(message.channel, name, value)
        if what is not None:
            raise InvalidRequest(f"filters.{name}: {what}", fields={f"filters.{name}": what})


def _filter_error(channel: Topic, name: str, value: str | list[str]) -> str | None:
    """The error of a filter that cannot match any event; None for a valid one."""
    if name not in FILTERS[channel]:
        return f"is not a filter of {channel}; must be one of: {', '.join(FILTERS[channel])}"
    values = FILTER_VALUES.get((channel, name))
    given = {value} if isinstance(value, str) else {*value}
    return f"must be one of: {', '.join(values)}" if values is not None and not given <= {*values} else None


def _event_filters(message: Subscribe) -> dict[str, Any]:
    """The filters with `taskId` of tasks as `id`, `agentId` of agents as `id`, and so on."""
    own = f"{message.channel.removesuffix('s')}Id"
    return {"id" if name == own else name: value for name, value in message.filters.items()}


def _handle_unsubscribe(connection: Connection, message: Unsubscribe) -> Frame:
    name = message.id or message.channel
    if name is None:
        raise InvalidRequest("Send the channel, or the id of the subscription", fields={"channel": "is required"})
    event_feed.unsubscribe(connection, name)
    return {"type": "unsubscribed", "subscription": name}


def _render_error(error: YardmasterError, message: BaseModel | None) -> Frame:
    about = {"subscription": message.id or message.channel} if isinstance(message, Subscribe | Unsubscribe) else {}
    frame = error_frame(error, Enveloped())
    return {"type": "error", "error": frame["error"]} | about


def _handle_disconnect(connection: Connection) -> None:
    connections.forget(connection.id)
    event_feed.leave(connection)


def _authenticate_agent(request: Request) -> Caller:
    """Authenticate a caller who may write tasks, or the agent by its own key."""
    caller = authenticate(request)
    require(caller, "tasks:write")
    return caller


workers = WorkerEndpoint(AGENT_CHANNEL, keys.SOCKET_PATH, NAME, _authenticate_agent)
channels = (
    Channel(
        name=LIVE_CHANNEL,
        path="/ws",
        authenticate=_authenticate_watcher,
        on_connect=_handle_connect,
        frame_handlers={
            "subscribe": FrameHandler(Subscribe, _handle_subscribe),
            "unsubscribe": FrameHandler(Unsubscribe, _handle_unsubscribe),
            "ping": FrameHandler(Ping, lambda *_: {"type": "pong"}),
        },
        render_error=_render_error,
        on_disconnect=_handle_disconnect,
    ),
)
