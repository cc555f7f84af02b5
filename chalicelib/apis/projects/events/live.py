"""The projects API's WebSocket (coordinaitor.md, "Use WebSocket for Real-time Data";
docs/reference/projects-live.md)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, StringConstraints

from chalicelib.apis.projects.access import NAME, authenticate, permitted, require
from chalicelib.apis.projects.agents import keys
from chalicelib.apis.projects.agents.schemas import AgentStatus, AgentType
from chalicelib.apis.projects.events.live_access import admits
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

LIVE = "projects.live"
"""The channel's name; the local stage may open it to those without a credential, as the document's example is."""

AGENT = "projects.agent"
"""The channel of agents that are handed their tasks over a WebSocket (docs/how-to/write-an-agent.md)."""

Topic = Literal["tasks", "agents", "projects"]
FILTERS: Mapping[Topic, tuple[str, ...]] = {
    "tasks": ("id", "taskId", "projectId", "agentId", "status", "priority", "createdBy"),
    "agents": ("id", "agentId", "type", "status"),
    "projects": ("id", "projectId", "status"),
}
"""What each channel's facts can be filtered by."""
WORDS: Mapping[tuple[Topic, str], tuple[str, ...]] = {
    ("tasks", "status"): get_args(TaskStatus),
    ("tasks", "priority"): get_args(Priority),
    ("agents", "status"): get_args(AgentStatus),
    ("agents", "type"): get_args(AgentType),
    ("projects", "status"): get_args(ProjectStatus),
}
"""The values there are, where they are few."""
Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Name = Annotated[str, StringConstraints(pattern=r"^[\w.:-]{1,64}$")]


class Subscribe(Schema):
    """Tell me what happens on a channel. A filter is a value, or a list of which any will do."""

    type: Literal["subscribe"]
    channel: Topic
    filters: dict[Word, Word | Annotated[list[Word], Field(min_length=1, max_length=50)]] = Field(
        default_factory=dict, max_length=10
    )
    since: int | None = Field(default=None, ge=0, le=2**53, strict=True, description="A sequence that was seen.")
    id: Name | None = Field(default=None, description="What to call it; the channel's name, if nothing is said.")


class Unsubscribe(Schema):
    """Tell me no more of it."""

    type: Literal["unsubscribe"]
    channel: Topic | None = None
    id: Name | None = None


class Ping(Schema):
    """Keeps the connection from being idle."""


def _admit(request: Request) -> Caller:
    """As the API does; without a credential only where this stage opens the channel."""
    if not any(name in request.headers for name in ("authorization", "x-api-key")):
        return permitted(authentication.authenticate_bearer(None, LIVE))
    return authenticate(request)


def _connects(caller: Caller, opening: ConnectRequest) -> None:
    assert isinstance(caller, Principal)
    scope = None if caller.scope is None else " ".join(sorted(caller.scope))
    who = (caller.subject, caller.role, caller.session, caller.key, scope)
    event_feed.open_connection(Connection(opening.connection_id, caller.org, LIVE, NAME, None, *who))


def _subscribed(known: Connection, said: Subscribe) -> Frame | None:
    _check(said)
    if not admits(known, said.channel):
        raise Forbidden(f"You need the permission {said.channel}:read for this")
    event_feed.subscribe(known, said.id or said.channel, said.channel, _renamed(said), said.since)
    return None  # "subscribed" comes in its turn among what happens


def _check(said: Subscribe) -> None:
    for name, value in said.filters.items():
        what = _wrong(said.channel, name, value)
        if what is not None:
            raise InvalidRequest(f"filters.{name}: {what}", fields={f"filters.{name}": what})


def _wrong(channel: Topic, name: str, value: str | list[str]) -> str | None:
    """What is wrong with a filter: nothing would ever fit it."""
    if name not in FILTERS[channel]:
        return f"is no filter of {channel}; there are: {', '.join(FILTERS[channel])}"
    words = WORDS.get((channel, name))
    unknown = {value} if isinstance(value, str) else {*value}
    return f"must be among: {', '.join(words)}" if words is not None and not unknown <= {*words} else None


def _renamed(said: Subscribe) -> dict[str, Any]:
    """`taskId` of tasks is their `id`, and so on."""
    own = f"{said.channel.removesuffix('s')}Id"
    return {"id" if name == own else name: value for name, value in said.filters.items()}


def _unsubscribed(known: Connection, said: Unsubscribe) -> Frame:
    name = said.id or said.channel
    if name is None:
        raise InvalidRequest("Name the channel, or the id of the subscription", fields={"channel": "is required"})
    event_feed.unsubscribe(known, name)
    return {"type": "unsubscribed", "subscription": name}


def _refused(error: YardmasterError, said: BaseModel | None) -> Frame:
    about = {"subscription": said.id or said.channel} if isinstance(said, Subscribe | Unsubscribe) else {}
    frame = error_frame(error, Enveloped())
    return {"type": "error", "error": frame["error"]} | about


def _leaves(known: Connection) -> None:
    connections.forget(known.id)
    event_feed.leave(known)


def _agent(request: Request) -> Caller:
    """Whoever may work on tasks, or the agent itself by its own key."""
    caller = authenticate(request)
    require(caller, "tasks:write")
    return caller


workers = WorkerEndpoint(AGENT, keys.SOCKET, NAME, _agent)
channels = (
    Channel(
        name=LIVE,
        path="/ws",
        authenticate=_admit,
        on_connect=_connects,
        frame_handlers={
            "subscribe": FrameHandler(Subscribe, _subscribed),
            "unsubscribe": FrameHandler(Unsubscribe, _unsubscribed),
            "ping": FrameHandler(Ping, lambda *_: {"type": "pong"}),
        },
        render_error=_refused,
        on_disconnect=_leaves,
    ),
)
