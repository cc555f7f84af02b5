"""A provider of language models for tests. It checks the whole request strictly, then does what the test says."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class ReceivedRequest:
    """A received request."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Provider:
    """`answers` are used in turn, the last one repeatedly. Each gets the handler and writes to it."""

    url: str
    answers: list["Answer"]
    requests: list[ReceivedRequest] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    """Set when the client has closed its connection while the provider waited."""


class Handler(BaseHTTPRequestHandler):
    """One request. In HTTP/1.0 the connection's end ends the answer; chunks are sent on request."""

    provider: Provider

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        provider = self.provider
        provider.requests.append(ReceivedRequest(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        answer = provider.answers.pop(0) if len(provider.answers) > 1 else provider.answers[0]
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError):
            provider.left.set()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def begin(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def say(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()

    def wait_until_left(self) -> None:
        """Send nothing until the client closes the connection."""
        self.connection.settimeout(30)
        if self.connection.recv(1) == b"":
            self.provider.left.set()


Answer = Callable[[Handler], None]


@contextmanager
def provider(*answers: Answer) -> Iterator[Provider]:
    """A provider that listens on a free port."""
    handler = type("BoundHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.provider = Provider(f"http://127.0.0.1:{server.server_port}", list(answers))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield handler.provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port on which no process listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def openai_events(*texts: str, reason: str | None = "stop", end: bool = True) -> str:
    """The stream of an OpenAI-compatible server, as in its reference."""
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    events: list[Any] = [chunk | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}]
    events += [chunk | {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts]
    if reason:
        events += [chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": None}]
        events += [chunk | {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}}]
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([": keep-alive\n\n", *lines, "data: [DONE]\n\n" if end else ""])


def openai(*texts: str, reason: str | None = "stop", end: bool = True) -> Answer:
    def answer(handler: Handler) -> None:
        handler.begin(content_type="text/event-stream")
        handler.say(openai_events(*texts, reason=reason, end=end))

    return answer


def refusal(status: int, text: str = '{"error": {"message": "key sk-secret is wrong"}}', **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.begin(status, content_type="application/json", **headers)
        handler.say(text)

    return answer
