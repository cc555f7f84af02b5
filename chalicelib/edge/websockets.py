"""WebSockets: channels as data, and the router of API Gateway's connect, message and disconnect events.

API Gateway's WebSocket APIs have no paths: the path travels as the query parameter `path`. A browser cannot send
headers with a WebSocket, so a token may be the query parameter `token`.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, unquote

from pydantic import BaseModel

from chalicelib.config import settings
from chalicelib.edge import origins, websocket_messages
from chalicelib.edge.api import VARIABLE, Caller
from chalicelib.edge.json_body import MAX_SHOWN_CHARS
from chalicelib.edge.request import Request, repeated_headers, require_single_credential
from chalicelib.edge.websocket_messages import Frame, FrameHandler
from chalicelib.errors import InvalidRequest, NotFound, YardmasterError
from chalicelib.observability import logger

Event = Mapping[str, Any]
Answer = dict[str, Any]
ACCEPTED: Answer = {"statusCode": 200}
MIN_SERVER_ERROR = 500
CLOSE_CODE_BASE = 4000
"""The close code of a refused client is this plus the HTTP status, where the gateway can send one."""
CLOSE_CODE_INTERNAL = 1011


class ConnectRequest(NamedTuple):
    """A client's request to open a WebSocket."""

    connection_id: str
    path_values: Mapping[str, str]
    query: Mapping[str, str]


class WorkerEndpoint(NamedTuple):
    """The path on which the workers of an API's pool connect; its only variable is the worker's id."""

    name: str
    """Unique among the channels of all APIs."""
    path: str
    pool: str
    authenticate: Callable[[Request], Caller]
    prefix: str = ""
    """As a channel's."""

    def url(self, api: str, worker_id: str) -> str:
        """The URL at which a worker of this API connects: at the API's own address, or at API Gateway's, which has no
        paths."""
        path = VARIABLE.sub(quote(worker_id, safe=""), self.path)
        if settings().sockets_url:
            return f"{settings().sockets_url}?path={self.prefix}{path}"
        return settings().api_urls.get(api, "").replace("http", "ws", 1).rstrip("/") + path


class OpenConnection(Protocol):
    """A connection that was accepted."""

    @property
    def id(self) -> str: ...
    @property
    def channel(self) -> str: ...


@dataclass(frozen=True)
class Channel:
    """What an API serves on one WebSocket path.

    `on_connect` accepts a connection by returning, or refuses it by raising. `frame_handlers` has the handler of each
    type of frame. `render_error` makes the frame that answers an error; it is also given the frame that caused it, if
    that could be read. `on_disconnect` is called when a connection has ended. Each may be called twice for one event.
    """

    name: str
    """Unique among all APIs, such as `support.worker`."""
    path: str
    """A template, such as `/worker/{worker_id}`."""
    authenticate: Callable[[Request], Caller]
    on_connect: Callable[[Caller, ConnectRequest], None]
    frame_handlers: Mapping[str, FrameHandler]
    render_error: Callable[[YardmasterError, BaseModel | None], Frame]
    on_disconnect: Callable[[Any], None]
    query: tuple[str, ...] = ()
    """The query parameters that it has, besides `token`."""
    prefix: str = ""
    """What precedes the path in API Gateway's WebSocket API, which all APIs share, where another API has that path."""


class WebSocketRouter:
    """Passes each event on to its channel. `find` returns the accepted connection of an id, or None; `answer` sends a
    frame to a connection."""

    def __init__(
        self,
        channels: Iterable[Channel],
        find: Callable[[str], OpenConnection | None],
        answer: Callable[[str, Frame], None],
    ) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._find, self._answer = find, answer

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Every channel that is served."""
        return tuple(self._channels.values())

    def handle_connect(self, event: Event) -> Answer:
        """Accept a client, or refuse it with a status, a close code and a reason."""
        try:
            channel, connect_request, request = self._match(event)
            channel.on_connect(channel.authenticate(request), connect_request)
        except YardmasterError as error:
            return _refusal_answer(error)
        except Exception as error:  # noqa: BLE001 - the one place where a connection's errors become an answer
            return _refusal_answer(_log_unexpected(error))
        return ACCEPTED

    def handle_message(self, event: Event) -> Answer:
        """Handle one frame. A frame of a connection that was not accepted is ignored."""
        connection = self._find(_connection_id(event))
        reply = (
            _reply_to(self._channels[connection.channel], connection, _text(event)) if connection is not None else None
        )
        if connection is not None and reply is not None:
            self._answer(connection.id, reply)
        return ACCEPTED

    def handle_disconnect(self, event: Event) -> Answer:
        """Tell the channel that a connection has ended."""
        connection = self._find(_connection_id(event))
        if connection is not None:
            self._channels[connection.channel].on_disconnect(connection)
        return ACCEPTED

    def _match(self, event: Event) -> tuple[Channel, ConnectRequest, Request]:
        _refuse_repeated(event.get("multiValueQueryStringParameters") or {})
        query = dict(event.get("queryStringParameters") or {})
        path = query.pop("path", "/")
        for channel in self._channels.values():
            values = _match_path(channel.prefix + channel.path, path)
            if values is not None:
                request = _request(event, channel, values, query)
                origins.require_allowed_page(request.headers, request.repeated_headers)
                require_single_credential(request)
                _refuse_unknown(query, channel)
                return channel, ConnectRequest(_connection_id(event), values, query), request
        raise NotFound("Path", path)


def _refuse_repeated(query: Mapping[str, Sequence[str]]) -> None:
    for name, values in query.items():
        if len(values) > 1:
            raise InvalidRequest(f"{name[:MAX_SHOWN_CHARS]} is given more than once")


def _refuse_unknown(query: Mapping[str, str], channel: Channel) -> None:
    parameters = (*channel.query, "token")
    for name in query:
        if name not in parameters:
            listed = ", ".join(parameters)
            raise InvalidRequest(
                f"{name[:MAX_SHOWN_CHARS]} is not a query parameter of this WebSocket, which has {listed}"
            )


def _reply_to(channel: Channel, connection: OpenConnection, text: str) -> Frame | None:
    """The frame that answers a frame, if any. An invalid frame does not end the connection."""
    frame: BaseModel | None = None
    try:
        handler, frame = websocket_messages.read_frame(text, channel.frame_handlers)
        return handler.handle(connection, frame)
    except YardmasterError as error:
        return channel.render_error(error, frame)
    except Exception as error:  # noqa: BLE001 - the one place where a frame's errors become an answer
        return channel.render_error(_log_unexpected(error), frame)


def _log_unexpected(error: Exception) -> YardmasterError:
    logger().error("unhandled error", exc_info=error)
    return YardmasterError("An unexpected error occurred")


def _connection_id(event: Event) -> str:
    return str(event["requestContext"]["connectionId"])


def _match_path(template: str, path: str) -> dict[str, str] | None:
    """The values of the template's variables in the path, or None when it does not fit."""
    steps, path_steps = template.split("/"), path.rstrip("/").split("/")
    if len(steps) != len(path_steps):
        return None
    values: dict[str, str] = {}
    for step, path_step in zip(steps, path_steps, strict=True):
        variable = VARIABLE.fullmatch(step)
        if variable and path_step:
            values[variable[1]] = unquote(path_step)
        elif step != path_step:
            return None
    return values


def _request(event: Event, channel: Channel, values: Mapping[str, str], query: Mapping[str, str]) -> Request:
    """The request that the API's authentication reads; a token of the query becomes its Authorization header."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if "token" in query:
        headers.setdefault("authorization", f"Bearer {query['token']}")
    context = event["requestContext"]
    source = str((context.get("identity") or {}).get("sourceIp") or "")
    request_id = str(context.get("requestId", ""))
    twice = repeated_headers(event)
    return Request(
        "GET", channel.path, channel.path, headers, values, query, b"", request_id, source, repeated_headers=twice
    )


def _refusal_answer(error: YardmasterError) -> Answer:
    code = CLOSE_CODE_BASE + error.status if error.status < MIN_SERVER_ERROR else CLOSE_CODE_INTERNAL
    return {"statusCode": error.status, "body": json.dumps({"code": code, "reason": error.message})}


def _text(event: Event) -> str:
    body = str(event.get("body") or "")
    return base64.b64decode(body).decode("utf-8", "replace") if event.get("isBase64Encoded") else body
