"""A small Yardmaster for tests of the code worker: it registers workers, holds their WebSockets, and is strict.

A frame that docs/reference/websockets.md does not allow is noted in `faults`, which a test looks at in the end.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]
PATIENCE = 30.0
MAX_MESSAGE_BYTES = 128 * 1024
MAX_CHUNK_CHARACTERS = 8_000
FIELDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "pong": (frozenset(), frozenset({"status"})),
    "ready": (frozenset(), frozenset({"status"})),
    "progress": (frozenset({"task_id", "attempt", "progress"}), frozenset({"lease"})),
    "chunk": (frozenset({"task_id", "attempt", "seq", "text", "progress"}), frozenset({"lease"})),
    "result": (frozenset({"task_id", "attempt", "result"}), frozenset({"lease"})),
    "error": (frozenset({"task_id", "attempt", "error", "retryable"}), frozenset({"lease", "retry_after"})),
}
"""Type of a frame -> the fields that it must have, and those that it can have."""
RESULT_FIELDS = frozenset(
    {"code", "tests_passed", "tests_total", "execution_time_ms", "tests", "output", "note", "usage"}
)


class CodeYardmaster:
    """What the worker sees. `answers_reports` off leaves results and errors unanswered."""

    def __init__(self) -> None:
        self.url = ""
        self.registrations: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.frames: list[Frame] = []
        self.faults: list[str] = []
        self.tokens: list[str | None] = []
        self.refuses_connections: tuple[int, str] | None = None
        self.registers_with = 201
        self.answers_reports = True
        self.connected = asyncio.Event()
        self._socket: ServerConnection | None = None
        self._socket_url = ""
        self._changed = asyncio.Condition()
        self._chunks: dict[tuple[str, int, Any], list[str]] = {}

    def task(self, task_id: str, attempt: int = 1, **data: Any) -> Frame:
        """A task's frame."""
        payload = {"prompt": "Add.", "language": "python", "context": {}, "model": None, "fallback": []} | data
        about = {"task_id": task_id, "attempt": attempt, "lease": attempt, "task_type": "code"}
        return {"type": "task", **about, "data": payload | {"timeout_seconds": 60}, "deadline": None}

    async def send(self, frame: Frame) -> None:
        """Send the worker a frame."""
        await asyncio.wait_for(self.connected.wait(), PATIENCE)
        assert self._socket is not None
        await self._socket.send(json.dumps(frame))

    async def end_connection(self, code: int = 1011) -> None:
        """End the worker's connection."""
        assert self._socket is not None
        self.connected.clear()
        await self._socket.close(code)

    async def wait_for(self, seen: Callable[[Frame], bool]) -> Frame:
        """The first frame that is wanted, past or to come."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: any(map(seen, self.frames)))
        return next(filter(seen, self.frames))

    async def report(self, task_id: str, attempt: int = 1) -> Frame:
        """The task's result or error."""
        return await self.wait_for(
            lambda frame: (
                frame["type"] in ("result", "error") and (frame["task_id"], frame["attempt"]) == (task_id, attempt)
            )
        )

    def code(self, task_id: str, attempt: int = 1) -> str:
        """The chunks of an attempt, concatenated."""
        return "".join(
            text
            for (task, number, _), texts in self._chunks.items()
            for text in texts
            if (task, number) == (task_id, attempt)
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["CodeYardmaster"]:
        """Listen on free ports."""
        sockets = await serve(self._serve_socket, "127.0.0.1", 0, max_size=MAX_MESSAGE_BYTES, ping_interval=None)
        requests = await asyncio.start_server(self._serve_request, "127.0.0.1", 0)
        self._socket_url = f"ws://127.0.0.1:{next(iter(sockets.sockets)).getsockname()[1]}"
        self.url = f"http://127.0.0.1:{requests.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            requests.close()
            sockets.close()
            await sockets.wait_closed()

    async def _serve_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, *_ = head.split()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status, answer = self._answer(method, urlsplit(path).path, json.loads(body or b"null"))
        self.tokens.append(headers.get("authorization"))
        content = json.dumps(answer).encode()
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n".encode())
        writer.write(content)
        await writer.drain()
        writer.close()

    def _answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if (method, path) == ("POST", "/api/workers"):
            if set(body) != {"name", "version", "languages", "max_concurrent", "runs_tests"}:
                self.faults.append(f"registration {body}")
            if self.registers_with == 201:
                self.registrations.append(body)
            identifier = f"worker-{len(self.registrations)}"
            return self.registers_with, {"id": identifier, "endpoint": f"{self._socket_url}/worker/{identifier}"}
        if method == "DELETE" and path.startswith("/api/workers/"):
            self.removed.append(path.rpartition("/")[2])
            return 200, {}
        self.faults.append(f"{method} {path}")
        return 404, {}

    async def _serve_socket(self, socket: ServerConnection) -> None:
        if self.refuses_connections is not None:
            await socket.close(*self.refuses_connections)
            return
        assert socket.request is not None
        if socket.request.path != f"/worker/worker-{len(self.registrations)}":
            self.faults.append(f"connection to {socket.request.path}")
        self._socket = socket
        self.connected.set()
        try:
            async for text in socket:
                await self._take(json.loads(text))
        except ConnectionClosed:
            pass

    async def _take(self, frame: Frame) -> None:
        if (fault := self._fault(frame)) is not None:
            self.faults.append(fault)
        async with self._changed:
            self.frames.append(frame)
            self._changed.notify_all()
        if frame["type"] in ("result", "error") and self.answers_reports:
            await self.send({"type": "accepted", "task_id": frame["task_id"], "attempt": frame["attempt"]})

    def _fault(self, frame: Frame) -> str | None:
        """What is wrong with a frame."""
        must, can = FIELDS.get(frame.get("type", ""), (frozenset({"a known type"}), frozenset()))
        names = frozenset(frame) - {"type"}
        if not must <= names or not names <= must | can:
            return f"fields of {frame}"
        if frame["type"] == "chunk":
            return self._chunk_fault(frame)
        if frame["type"] == "result":
            return self._result_fault(frame)
        return None if 0 <= frame.get("progress", 0) <= 100 else f"progress of {frame}"

    def _chunk_fault(self, frame: Frame) -> str | None:
        chunks = self._chunks.setdefault((frame["task_id"], frame["attempt"], frame.get("lease")), [])
        if frame["seq"] <= len(chunks):
            return None if chunks[frame["seq"] - 1] == frame["text"] else f"a chunk that has changed: {frame}"
        chunks.append(frame["text"])
        is_fit = 0 < len(frame["text"]) <= MAX_CHUNK_CHARACTERS and frame["seq"] == len(chunks)
        return None if is_fit else f"a chunk out of order, empty or too long: {frame['seq']}"

    def _result_fault(self, frame: Frame) -> str | None:
        result = frame["result"]
        if set(result) != RESULT_FIELDS:
            return f"fields of {result}"
        passed = sum(test["passed"] for test in result["tests"])
        if (result["tests_passed"], result["tests_total"]) != (passed, len(result["tests"])):
            return f"counts of {result}"
        if not math.isfinite(result["execution_time_ms"]) or result["execution_time_ms"] < 0:
            return f"time of {result}"
        code = self.code(frame["task_id"], frame["attempt"])
        return None if code == result["code"] else f"the chunks are not the code: {code!r}"
