"""API Gateway's WebSocket API on this machine: this process's connections, and the functions that events start."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chalicelib import ids
from chalicelib.errors import Unavailable
from chalicelib.observability import logger
from chalicelib.storage.aws.websocket_api import MAX_MESSAGE_BYTES, ConnectionGone
from infra.local.gateway.proxy_event import Incoming, Receive, Send
from infra.local.gateway.websocket_connection import CLOSED, GOING_AWAY, LIMITS, Close, Connection, Limits
from infra.local.gateway.websocket_events import Client, Event
from infra.local.lambdas.events import Context

Handler = Callable[[Event, Context], Any]

TIMEOUT_SECONDS = 29
CLOSE_SECONDS = 0.5
"""How long `Hub.end` waits for the connections to close."""
FAILURE = "Internal server error"
FAILED = Close(1011, FAILURE)


class FunctionFailed(Exception):
    """A function raised an error, which is in the log."""


@dataclass(frozen=True, slots=True)
class Live:
    """The functions of the bundle `live`."""

    connect: Handler
    message: Handler
    disconnect: Handler


class Hub:
    """The WebSockets of this process, on the ports of all APIs. The argument of `websocket_api.use_sockets`.

    Any thread may call `post` and `close`; only the server's loop may call the rest. The functions run in `pool`.
    """

    def __init__(self, live: Live, pool: Executor, limits: Limits = LIMITS) -> None:
        self._live, self._pool, self._limits = live, pool, limits
        self._connections: dict[str, Connection] = {}

    def post(self, connection_id: str, text: str) -> None:
        """Send a text frame. Raises ConnectionGone, and Unavailable for a frame that is too large for API Gateway."""
        if len(text.encode()) > MAX_MESSAGE_BYTES:
            raise Unavailable(f"A message of more than {MAX_MESSAGE_BYTES} bytes does not pass the WebSocket gateway")
        connection = self._connections.get(connection_id)
        if connection is None:
            raise ConnectionGone(connection_id)
        connection.post(text)

    def close(self, connection_id: str) -> None:
        """End the connection if it is still open."""
        connection = self._connections.get(connection_id)
        if connection is not None:
            connection.end(CLOSED)

    async def end(self) -> None:
        """Close every connection. Returns after CLOSE_SECONDS even if some clients have not answered."""
        for connection in self._connections.values():
            connection.end(GOING_AWAY)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._connections:
                    await asyncio.sleep(0.01)

    async def serve(self, handshake: Incoming, receive: Receive, send: Send) -> None:
        """Ask the connect function whether the client is accepted, then serve its connection until it ends."""
        client = Client(handshake)
        await receive()  # `websocket.connect`, which has no content
        refusal = await self._refusal(client)
        if refusal is None:
            await self._hold(client, receive, send)
            return
        with suppress(OSError):  # the client did not wait for the answer
            await send({"type": "websocket.accept"})
            await send(refusal.message())

    async def _refusal(self, client: Client) -> Close | None:
        """Why the client is refused; None when it is accepted. API Gateway refuses within the handshake."""
        try:
            return _refusal_from_answer(await self._start("connect", client.connect_event()))
        except FunctionFailed:
            return FAILED

    async def _hold(self, client: Client, receive: Receive, send: Send) -> None:
        async def handle(data: str | bytes) -> None:
            await self._handle(client, data)

        connection = self._connections[client.id] = Connection(receive, send, handle, self._limits)
        ended = GOING_AWAY
        try:
            ended = await connection.run()
        finally:
            del self._connections[client.id]
            await self._leave(client, ended)

    async def _handle(self, client: Client, data: str | bytes) -> None:
        request_id = ids.uuid()
        try:
            await self._start("message", client.message_event(data, request_id))
        except FunctionFailed:
            with suppress(ConnectionGone):
                self.post(client.id, _failure(client, request_id))

    async def _leave(self, client: Client, ended: Close) -> None:
        # A cancellation at the server's end stops the waiting, and not the function.
        with suppress(FunctionFailed):
            await asyncio.shield(self._start("disconnect", client.disconnect_event(ended.code, ended.reason)))

    def _start(self, function: str, event: Event) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._pool, self._invoke, function, event)

    def _invoke(self, function: str, event: Event) -> Any:
        """Run a function and return its answer. Raises FunctionFailed."""
        try:
            return getattr(self._live, function)(event, Context(f"live-{function}", TIMEOUT_SECONDS))
        except Exception as error:
            logger().error("A function failed", extra={"source": function}, exc_info=error)
            raise FunctionFailed(function) from error


def _refusal_from_answer(answer: Any) -> Close | None:
    """Read a connect function's answer: None accepts the client. A malformed answer is refused with FAILED."""
    try:
        if answer["statusCode"] == 200:
            return None
        refusal = json.loads(answer["body"])
        return Close(_code(refusal["code"]), refusal["reason"])
    except (KeyError, TypeError, ValueError) as error:
        logger().error("A function's answer is not understood", extra={"source": "connect"}, exc_info=error)
        return FAILED


def _code(code: int) -> int:
    if not 1000 <= code < 5000:
        raise ValueError(f"A connection is closed with a code of 1000 to 4999, not {code}")
    return code


def _failure(client: Client, request_id: str) -> str:
    return json.dumps({"message": FAILURE, "connectionId": client.id, "requestId": request_id})
