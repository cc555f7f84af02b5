"""The WebSocket side of the edge: channels as data, and what API Gateway's connect, message and disconnect events
become. It knows no fleet.

API Gateway's WebSocket APIs have no paths: the path travels as the query parameter `path`. A browser cannot send
headers with a WebSocket, so that a token may be the query parameter `token`.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

from pydantic import BaseModel

from chalicelib.edge import origins, websocket_messages
from chalicelib.edge.api import VARIABLE, Caller
from chalicelib.edge.json_body import SHOWN
from chalicelib.edge.request import Request, refuse_ambiguous_credential, repeated_headers
from chalicelib.edge.websocket_messages import Frame, Hears
from chalicelib.errors import InvalidRequest, NotFound, YardmasterError
from chalicelib.observability import logger

Event = Mapping[str, Any]
Answer = dict[str, Any]
LET_IN: Answer = {"statusCode": 200}
REFUSED_BELOW = 500
CODES = 4000
"""A refused client gets this plus the HTTP status as its close code, where the gateway can send one."""
INTERNAL = 1011


class Opening(NamedTuple):
    """A WebSocket that wants to be let in."""

    connection_id: str
    path_values: Mapping[str, str]
    query: Mapping[str, str]


class Door(NamedTuple):
    """Where the workers of an API's pool connect: a path whose only variable is the worker's id."""

    name: str
    """Unique among the channels of all APIs."""
    path: str
    pool: str
    authenticate: Callable[[Request], Caller]


class Known(Protocol):
    """A connection that was let in."""

    @property
    def id(self) -> str: ...
    @property
    def channel(self) -> str: ...


@dataclass(frozen=True)
class Channel:
    """What an API serves on one WebSocket path.

    `opened` lets a connection in by returning, or refuses it by raising; `hears` says by its type what becomes of a
    frame of one that was let in, `refused` how an error is answered, with the frame as far as it could be read;
    `closed` is told of a connection's end. Each may be called twice for one event.
    """

    name: str
    """Unique among all APIs, such as `support.worker`."""
    path: str
    """A template, such as `/worker/{worker_id}`."""
    authenticate: Callable[[Request], Caller]
    opened: Callable[[Caller, Opening], None]
    hears: Mapping[str, Hears]
    refused: Callable[[YardmasterError, BaseModel | None], Frame]
    closed: Callable[[Any], None]
    query: tuple[str, ...] = ()
    """The query parameters that it has, besides `token`."""


class Switchboard:
    """Which event belongs to which channel. `find` tells what a connection id was let in as, None if it was not;
    `answer` sends a frame to a connection."""

    def __init__(
        self,
        channels: Iterable[Channel],
        find: Callable[[str], Known | None],
        answer: Callable[[str, Frame], None],
    ) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._find, self._answer = find, answer

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What is served."""
        return tuple(self._channels.values())

    def connected(self, event: Event) -> Answer:
        """Let a client in, or refuse it with a status, a close code and a reason."""
        try:
            channel, opening, request = self._matched(event)
            channel.opened(channel.authenticate(request), opening)
        except YardmasterError as error:
            return _refusal(error)
        except Exception as error:  # noqa: BLE001 - the one place where a connection's errors become an answer
            return _refusal(_unexpected(error))
        return LET_IN

    def heard(self, event: Event) -> Answer:
        """One frame. Of a connection that was not let in there is nothing to say."""
        known = self._find(_connection_id(event))
        reply = _reply(self._channels[known.channel], known, _text(event)) if known is not None else None
        if known is not None and reply is not None:
            self._answer(known.id, reply)
        return LET_IN

    def closed(self, event: Event) -> Answer:
        """A connection has ended."""
        known = self._find(_connection_id(event))
        if known is not None:
            self._channels[known.channel].closed(known)
        return LET_IN

    def _matched(self, event: Event) -> tuple[Channel, Opening, Request]:
        _refuse_repeated(event.get("multiValueQueryStringParameters") or {})
        query = dict(event.get("queryStringParameters") or {})
        path = query.pop("path", "/")
        for channel in self._channels.values():
            values = _values(channel.path, path)
            if values is not None:
                request = _request(event, channel, values, query)
                origins.refuse_foreign(request.headers, request.repeated_headers)
                refuse_ambiguous_credential(request)
                _refuse_unknown(query, channel)
                return channel, Opening(_connection_id(event), values, query), request
        raise NotFound("Path", path)


def _refuse_repeated(query: Mapping[str, Sequence[str]]) -> None:
    for name, given in query.items():
        if len(given) > 1:
            raise InvalidRequest(f"{name[:SHOWN]} is given more than once")


def _refuse_unknown(query: Mapping[str, str], channel: Channel) -> None:
    known = (*channel.query, "token")
    for name in query:
        if name not in known:
            listed = ", ".join(known)
            raise InvalidRequest(f"{name[:SHOWN]} is not a query parameter of this WebSocket, which has {listed}")


def _reply(channel: Channel, known: Known, text: str) -> Frame | None:
    """What is answered to a frame. A mistake of the client's ends nothing."""
    said: BaseModel | None = None
    try:
        hears, said = websocket_messages.read(text, channel.hears)
        return hears.handle(known, said)
    except YardmasterError as error:
        return channel.refused(error, said)
    except Exception as error:  # noqa: BLE001 - the one place where a frame's errors become an answer
        return channel.refused(_unexpected(error), said)


def _unexpected(error: Exception) -> YardmasterError:
    logger().error("unhandled error", exc_info=error)
    return YardmasterError("An unexpected error occurred")


def _connection_id(event: Event) -> str:
    return str(event["requestContext"]["connectionId"])


def _values(template: str, path: str) -> dict[str, str] | None:
    """The values of the template's variables in the path, or None when it does not fit."""
    wanted, given = template.split("/"), path.rstrip("/").split("/")
    if len(wanted) != len(given):
        return None
    values: dict[str, str] = {}
    for want, have in zip(wanted, given, strict=True):
        variable = VARIABLE.fullmatch(want)
        if variable and have:
            values[variable[1]] = unquote(have)
        elif want != have:
            return None
    return values


def _request(event: Event, channel: Channel, values: Mapping[str, str], query: Mapping[str, str]) -> Request:
    """What the API's own authentication reads, a token of the query in its place."""
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


def _refusal(error: YardmasterError) -> Answer:
    code = CODES + error.status if error.status < REFUSED_BELOW else INTERNAL
    return {"statusCode": error.status, "body": json.dumps({"code": code, "reason": error.message})}


def _text(event: Event) -> str:
    body = str(event.get("body") or "")
    return base64.b64decode(body).decode("utf-8", "replace") if event.get("isBase64Encoded") else body
