"""The worker's WebSocket to Yardmaster, which is opened again after each end."""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from code_worker.errors import Misconfigured
from code_worker.yardmaster import Registration, Unreachable

logger = logging.getLogger("code_worker")

LONGEST_PAUSE_SECONDS = 30.0
OPEN_SECONDS = 15.0
SILENCE_SECONDS = 90.0
"""Yardmaster sends a ping after 20 seconds; a connection that is silent for so long is dead."""
PIECE_CHARACTERS = 7_000
"""The most characters of one WebSocket frame. A longer message is split: API Gateway accepts frames of 32 KB."""


class Receiver(Protocol):
    """Handles connections and frames."""

    def connected(self) -> None:
        """Called when a new connection is open."""

    def handle(self, frame: dict[str, Any]) -> None:
        """Handle one frame."""


class Connection:
    """Sends and receives frames. Registers the worker at the start, and again when Yardmaster does not know it."""

    def __init__(self, register: Callable[[], Awaitable[Registration]], token: str) -> None:
        self._register = register
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._failures = 0
        self.registration: Registration | None = None
        self.is_open = False

    def send(self, frame: dict[str, Any]) -> None:
        """Queue a frame for sending. Without a connection it is lost."""
        if self.is_open:
            self._outgoing.put_nowait(frame)

    async def run(self, receiver: Receiver) -> None:
        """Serve until cancelled. Raises Misconfigured if Yardmaster refuses the worker permanently."""
        while True:
            try:
                if self.registration is None:
                    self.registration = await self._register()
                    logger.info("Registered", extra={"worker_id": self.registration.id})
                await self._serve(self.registration.socket_url, receiver)
            except ConnectionClosed as ended:
                self._refused(ended.rcvd.code - 4000 if ended.rcvd else 0)
            except InvalidStatus as refused:  # API Gateway refuses the handshake itself
                self._refused(refused.response.status_code)
            except (Unreachable, OSError, InvalidHandshake, TimeoutError) as error:
                logger.info("No connection (%s)", type(error).__name__)
            await asyncio.sleep(self._pause())

    async def _serve(self, url: str, receiver: Receiver) -> None:
        options: dict[str, Any] = {"ping_interval": None, "proxy": None, "open_timeout": OPEN_SECONDS}
        async with connect(url, additional_headers=self._headers, max_size=None, **options) as socket:
            self._outgoing, self.is_open = asyncio.Queue(), True
            sending = asyncio.create_task(self._pump(socket))
            try:
                receiver.connected()
                while True:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        text = await socket.recv()
                    self._failures = 0
                    with suppress(ValueError):
                        if isinstance(frame := json.loads(text), dict):
                            receiver.handle(frame)
            finally:
                self.is_open = False
                sending.cancel()

    async def _pump(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):  # the receiving side says it
            while True:
                text = _text(await self._outgoing.get())
                await socket.send(text if len(text) <= PIECE_CHARACTERS else _pieces(text))

    def _refused(self, status: int) -> None:
        """Handle a refusal; `status` is an HTTP status, or a close code less 4000. Raises Misconfigured."""
        if status == 404:
            self.registration = None
        elif status in (400, 401, 403):
            raise Misconfigured(f"Yardmaster refuses the worker's connection ({status}): look at YARDMASTER_TOKEN")

    def _pause(self) -> float:
        """Random seconds to wait: none after a connection that worked, then up to 1, 2, 4 ... 30."""
        ceiling = min(LONGEST_PAUSE_SECONDS, 2.0 ** (self._failures - 1)) if self._failures else 0.0
        self._failures += 1
        return random.uniform(0, ceiling)


def _text(frame: dict[str, Any]) -> str:
    """Write the frame as JSON. A lone surrogate, which a model's answer can contain, becomes a question mark."""
    return json.dumps(frame, ensure_ascii=False).encode("utf-8", "replace").decode()


async def _pieces(text: str) -> Any:
    for start in range(0, len(text), PIECE_CHARACTERS):
        yield text[start : start + PIECE_CHARACTERS]
