"""API Gateway on this machine: an ASGI app in front of one API's functions."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from urllib.parse import unquote

from chalice.local import LocalChalice

from chalicelib.edge import (
    Answer,
    Api,
    Endpoint,
    OpenStream,
    binary_types,
    method_not_allowed,
    mount,
    not_found,
    openapi,
    origins,
    routes_of,
)
from chalicelib.edge.kernel import failure
from chalicelib.errors import TooLarge, Unavailable
from infra.local.gateway import proxy_event
from infra.local.gateway.proxy_event import Incoming, Message, Receive, Scope, Send
from infra.local.gateway.routing import Match, Router
from infra.local.gateway.streaming import Streaming
from infra.local.gateway.websockets import Hub
from infra.local.lambdas.events import Context

BODY_LIMIT = 10 * 1024 * 1024
"""API Gateway's limit, in bytes. The API's own limit is smaller; the API checks it itself."""
TIMEOUT_SECONDS = 29
DISCARD_SECONDS = 2.0
"""How long the rest of a refused body is read and discarded, so that the sender finishes and reads the answer."""


class _ClientLeft(Exception):
    """The client has closed the connection."""


@dataclass(frozen=True, slots=True)
class _WebSocketRoute:
    """A path at which clients may open WebSockets."""

    path: str
    method: str = "GET"


class Gateway:
    """An ASGI app that serves one API. The API's functions run in the threads of `pool`.

    `hub` serves the WebSockets that clients open at `socket_paths`, templates such as `/worker/{worker_id}`. It gets
    their paths with `socket_prefix` in front.
    """

    def __init__(
        self,
        api: Api,
        pool: Executor,
        hub: Hub | None = None,
        socket_paths: Iterable[str] = (),
        socket_prefix: str = "",
    ) -> None:
        self._api, self._pool, self._hub = api, pool, hub
        self._sockets, self._socket_prefix = Router(map(_WebSocketRoute, socket_paths)), socket_prefix
        self._app = mount(api, can_stream=True)
        self._binary_types = binary_types(api)
        self._streaming = Streaming(pool)
        # Models are built on first use, which two threads could do at once. The OpenAPI document needs all of them.
        openapi(api)
        # Chalice keeps the current request on the app. Only LocalChalice keeps one for each thread.
        self._app.__class__ = LocalChalice
        self._router = Router(routes_of(api))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one WebSocket until it ends."""
        if scope["type"] == "websocket":
            await self._connect(Incoming.from_scope(scope), receive, send)
        else:
            await self._request(Incoming.from_scope(scope), receive, send)

    def end_streams(self) -> None:
        """End every streamed answer after its current part, with a proper end."""
        self._streaming.end()

    async def _connect(self, handshake: Incoming, receive: Receive, send: Send) -> None:
        if self._hub is not None and self._sockets.match(handshake.path):
            await self._hub.serve(replace(handshake, path=self._socket_prefix + handshake.path), receive, send)
            return
        answer = not_found(self._api, handshake.method, handshake.path, handshake.id)
        await _send(send, _proxy_answer(answer, handshake), "websocket.http.response")

    async def _request(self, request: Incoming, receive: Receive, send: Send) -> None:
        try:
            body = await _body(request, receive)
        except _ClientLeft:
            return
        except TooLarge as error:
            await self._refuse(request, error, receive, send)
            return
        try:
            answer = await self._answer(request, body)
        except asyncio.CancelledError:
            stopping = Unavailable("The server is shutting down; try again")
            answer = _proxy_answer(failure(self._api, stopping, request.id), request)
        if isinstance(answer["body"], OpenStream):
            subjects = self._path_values(request)
            await self._streaming.send(answer["body"], _start(answer), request.method, receive, send, subjects)
        else:
            await _send(send, answer)

    def _path_values(self, request: Incoming) -> list[str]:
        match = self._router.match(request.path)
        return [unquote(value) for value in match.values.values()] if match else []

    async def _answer(self, request: Incoming, body: bytes) -> Message:
        match = self._router.match(request.path)
        if match is None:
            return _proxy_answer(not_found(self._api, request.method, request.path, request.id), request)
        if proxy_event.method(request) not in match.methods and request.method != "OPTIONS":
            allowed = sorted(match.methods)
            return _proxy_answer(
                method_not_allowed(self._api, request.method, request.path, allowed, request.id), request
            )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._invoke, request, match, body)

    def _invoke(self, request: Incoming, match: Match, body: bytes) -> Message:
        context = Context(f"{self._api.name}-api_handler", TIMEOUT_SECONDS)
        return dict(self._app(proxy_event.event(request, match, body, self._binary_types), context))

    async def _refuse(self, request: Incoming, error: TooLarge, receive: Receive, send: Send) -> None:
        match = self._router.match(request.path)
        endpoint = match and match.methods.get(request.method)
        render_error = None
        if isinstance(endpoint, Endpoint):
            render_error, error = endpoint.render_error, TooLarge(error.message + endpoint.if_too_large)
        answer = _proxy_answer(failure(self._api, error, request.id, render_error=render_error), request)
        answer["headers"]["Connection"] = "close"
        await _send(send, answer, more=True)
        if request.header("expect") is None:
            await _discard(receive)
        await send({"type": "http.response.body"})


def _proxy_answer(answer: Answer, request: Incoming) -> Message:
    headers = {**answer.headers, **origins.cors_headers(dict(request.headers))}
    return {"statusCode": answer.status, "headers": headers, "body": answer.body}


async def _body(request: Incoming, receive: Receive) -> bytes:
    """The whole body. Raises TooLarge as soon as the announced or the received size is over BODY_LIMIT."""
    announced = request.header("content-length") or "0"
    parts, size, more = [], 0, True
    while more:
        if max(size, int(announced)) > BODY_LIMIT:
            raise TooLarge(f"The body is too large; at most {BODY_LIMIT} bytes pass the gateway")
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientLeft
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
    if size > BODY_LIMIT:
        raise TooLarge(f"The body is too large; at most {BODY_LIMIT} bytes pass the gateway")
    return b"".join(parts)


async def _discard(receive: Receive) -> None:
    async def rest() -> None:
        message = await receive()
        while message["type"] == "http.request" and message.get("more_body", False):
            message = await receive()

    try:
        await asyncio.wait_for(rest(), DISCARD_SECONDS)
    except TimeoutError:
        return


async def _send(send: Send, answer: Message, kind: str = "http.response", *, more: bool = False) -> None:
    body = proxy_event.content(answer)
    start = _start(answer, kind)
    start["headers"].append((b"content-length", str(len(body)).encode()))
    await send(start)
    await send({"type": f"{kind}.body", "body": body, "more_body": more})


def _start(answer: Message, kind: str = "http.response") -> Message:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in proxy_event.headers(answer)]
    return {"type": f"{kind}.start", "status": answer["statusCode"], "headers": headers}
