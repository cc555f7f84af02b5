"""The bundled language model of the local stack, which an org has as long as MODELS says nothing.

An ASGI app that speaks OpenAI's chat completions. The first request starts the model's server, a child process, and
each one is passed on to it; a server that has died is started again by the next request. Until the extra `model` is
installed, requests get 503.
"""

import asyncio
import http.client
import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from threading import Lock, Timer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from chalicelib.providers import extras
from infra.local.gateway.proxy_event import Receive, Scope, Send
from infra.local.model_server import CONTEXT_LENGTH

EXTRA = "model"
PATH = "/v1/chat/completions"
START_SECONDS = 60
"""The model is loaded in a second, in many on a machine that is busy."""
ANSWER_SECONDS = 300
MAX_BODY_BYTES = 4 * 1024 * 1024
RETRY_AFTER_SECONDS = 5
COMMAND = ("nice", "-n", "5", sys.executable, "-m", "infra.local.model_server")
MODEL = {
    "id": "smollm2-135m",
    "name": "SmolLM2 135M (demonstration)",
    "model": "smollm2-135m-instruct",
    "context_length": CONTEXT_LENGTH,
    "description": "A small model on this machine, for a demonstration: it writes a few lines, and not a coder's work. "
    "Set MODELS to use another.",
    "input_usd_per_million": 0,
    "output_usd_per_million": 0,
    "max_output_tokens": 1024,
}


class NotStarted(Exception):
    """The model's server did not start."""


class Refused(NamedTuple):
    """The answer to a request that is not passed on."""

    status: int
    words: str


class BundledModel:
    """An ASGI app; see the module."""

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._command = command
        self._key = secrets.token_urlsafe(24)
        self._lock = Lock()
        self._process: subprocess.Popen[str] | None = None
        self._url = ""
        self._ended = False

    def setting(self, url: str) -> str:
        """What MODELS says of it; `url` is where it listens."""
        provider = {
            "name": "bundled",
            "protocol": "openai",
            "url": f"{url}/v1",
            "key": self._key,
            "extra": EXTRA,
            # It writes one text after the other.
            "concurrency": 1,
            "idle_seconds": 120,
            "models": [MODEL],
        }
        return json.dumps([provider])

    def stop(self) -> None:
        """End the model's server, and start no other."""
        self._ended = True
        if self._process is not None:
            self._process.kill()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await _read_body(receive)
        refused = self._refuse(scope) or (Refused(413, "the body is too large") if body is None else None)
        if refused is not None or body is None:
            await _send_error(send, refused or Refused(400, "the request ended early"))
            return
        try:
            url = await asyncio.to_thread(self._ensure_started)
        except NotStarted as error:
            await _send_error(send, Refused(503, str(error)))
            return
        await _pass_on(_Upstream(url, self._key), body, receive, send)

    def _refuse(self, scope: Scope) -> Refused | None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        if (scope["method"], scope["path"]) != ("POST", PATH):
            return Refused(404, f"there is only POST {PATH}")
        if headers.get(b"authorization") != f"Bearer {self._key}".encode():
            return Refused(401, "the key is wrong")
        state = extras.get_state(EXTRA)
        if state.phase == "installing":
            return Refused(503, "the model is being installed")
        return None if state.phase == "ready" else Refused(503, f"the model is not installed: {state.phase}")

    def _ensure_started(self) -> str:
        """The URL of the model's server, which is started unless it runs. Raises NotStarted."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._url = self._start()
            return self._url

    def _start(self) -> str:
        if self._ended:
            raise NotStarted("the stack is ending")
        if self._process is not None:
            self._process.communicate()  # closes the pipes of the one that died
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdin is not None and self._process.stdout is not None
        too_late = Timer(START_SECONDS, self._process.kill)
        too_late.start()
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{self._key}\n")
            self._process.stdin.flush()
        url = self._process.stdout.readline().strip()
        too_late.cancel()
        if not url:
            raise NotStarted("the model's server did not start: is there enough memory?")
        return url


async def _read_body(receive: Receive) -> bytes | None:
    """The body, or None if it is too large or does not end."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


async def _pass_on(upstream: "_Upstream", body: bytes, receive: Receive, send: Send) -> None:
    """Pass the request on, and its answer back as it comes. A client that leaves ends the model's work."""
    left = asyncio.create_task(_wait_until_left(receive))
    answered = asyncio.create_task(_relay(upstream, body, send))
    await asyncio.wait({answered, left}, return_when=asyncio.FIRST_COMPLETED)
    has_left = left.done()
    left.cancel()
    await asyncio.to_thread(upstream.close)
    # Nobody sees how an answer ended whose reader has left.
    with suppress(OSError, http.client.HTTPException) if has_left else nullcontext():
        await answered


async def _wait_until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _relay(upstream: "_Upstream", body: bytes, send: Send) -> None:
    try:
        response = await asyncio.to_thread(upstream.ask, body)
    except (OSError, http.client.HTTPException):
        await _send_error(send, Refused(503, "the model's server ended: try again"))
        return
    media_type = response.headers.get("content-type", "application/json").encode()
    await send({"type": "http.response.start", "status": response.status, "headers": [(b"content-type", media_type)]})
    # An error here breaks the answer off, which tells the client that it is not complete.
    while piece := await asyncio.to_thread(response.read1, 65_536):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class _Upstream:
    """One request to the model's server."""

    def __init__(self, url: str, key: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_SECONDS)
        self._key = key
        self._socket: socket.socket | None = None

    def ask(self, body: bytes) -> http.client.HTTPResponse:
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._key}"}
        self._connection.connect()
        self._socket = self._connection.sock
        self._connection.request("POST", PATH, body, headers)
        return self._connection.getresponse()

    def close(self) -> None:
        """End the request. Whoever reads its answer meanwhile sees the connection end."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()


async def _send_error(send: Send, refused: Refused) -> None:
    body: Mapping[str, Any] = {"error": {"message": refused.words, "type": "error", "code": None}}
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if refused.status == 503:
        headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
