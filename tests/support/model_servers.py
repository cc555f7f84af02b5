"""Fake servers of language models, written to their documented wire formats: OpenAI's chat completions, Anthropic's
Messages and Ollama's chat. They answer within the process (`in_process`) or over a real socket (`serving`).

A server answers with the words of the last message, one piece for each word, and counts words as tokens.
"""

import json
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from chalicelib import clock
from chalicelib.providers.http.outbound import Limits, StreamedResponse, Unreachable

Mode = Literal[
    "good",
    "garbage",
    "html",
    "hang",
    "slow",
    "silent",
    "midway",
    "endless line",
    "flood",
    "rate limited",
    "overloaded",
    "broken",
    "error midway",
    "no usage",
]
RETRY_AFTER_S = 7
ECHO_LIMIT = 50
KEY = "sk-model-secret-0123456789"


class Asked(NamedTuple):
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: Any


class Hang(NamedTuple):
    """Nothing more comes, and the connection stays open."""


class Linger(NamedTuple):
    """The rest comes too late: the time for the whole answer is over first."""


class CutOff(NamedTuple):
    """The connection ends before the body does."""


Piece = bytes | Hang | Linger | CutOff


class Reply(NamedTuple):
    """A response whose body comes in pieces."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[Piece]


@dataclass
class ModelServer:
    """One server. `modes` is what the next requests meet, one each; afterwards all meet `mode`."""

    mode: Mode = "good"
    key: str = ""
    """The key that it demands; empty for none."""
    models: tuple[str, ...] = ()
    """The models that it has; empty for any."""
    modes: list[Mode] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    text: str | None = None
    """What it answers, in place of the echo."""
    path = ""
    opening = 1
    """How many pieces there are up to the first that holds text."""
    closing = 4
    """How many pieces there are from the last one that holds text."""

    def respond(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        request = json.loads(body)
        self.requests.append(Asked(path, headers, request))
        mode = self.modes.pop(0) if self.modes else self.mode
        if not self.has_route(path):
            return self.refusal(404, "not_found_error", f"no route {path}")
        if self.key and not self.is_authorized(headers):
            return self.refusal(401, "authentication_error", f"Incorrect API key provided: {self.key}")
        model = self.model_of(path, request)
        if self.models and model not in self.models:
            return self.refusal(404, "not_found_error", f"model '{model}' not found")
        return self.find_refusal(request) or self.perform(mode, request)

    def has_route(self, path: str) -> bool:
        return path == self.path

    def model_of(self, path: str, said: Any) -> str:
        return str(said["model"])

    def is_authorized(self, headers: Mapping[str, str]) -> bool:
        return headers.get("authorization") == f"Bearer {self.key}"

    def find_refusal(self, request: Any) -> Reply | None:
        """The refusal of a request that this server does not understand."""
        return None

    def perform(self, mode: Mode, request: Any) -> Reply:
        match mode:
            case "rate limited":
                reply = self.refusal(429, "rate_limit_error", "Rate limit reached")
                return reply._replace(headers={**reply.headers, "retry-after": str(RETRY_AFTER_S)})
            case "overloaded":
                return self.refusal(529, "overloaded_error", "Overloaded")
            case "broken":
                return self.refusal(500, "api_error", "Internal server error")
            case "silent":
                return Reply(200, self.headers, iter([Hang()]))
            case "html":
                return Reply(200, {"content-type": "text/html"}, iter([b"<html><body>Sign in</body></html>\n"]))
        return Reply(200, self.headers, self.pieces(mode, request))

    def pieces(self, mode: Mode, said: Any) -> Iterator[Piece]:
        good = list(self.answer(said, usage=mode != "no usage"))
        opening = good[: self.opening]
        match mode:
            case "good" | "no usage":
                yield from good
            case "garbage":
                yield good[0]
                yield b"data: {]\n\n{]\n"
            case "hang":
                yield from opening
                yield Hang()
            case "slow":
                yield from good[: -self.closing]
                yield Linger()
            case "midway":
                yield from opening
                yield CutOff()
            case "error midway":
                yield from opening
                yield self.error_event()
            case "endless line":
                yield good[0]
                yield from (b"x" * 60_000 for _ in range(100))
            case "flood":
                yield from opening
                while True:
                    yield opening[-1]

    @property
    def headers(self) -> Mapping[str, str]:
        return {"content-type": "text/event-stream"}

    def words(self, said: Any) -> list[str]:
        text = self.text if self.text is not None else said["messages"][-1]["content"]
        return [f"{word} " for word in text.split(" ")][:ECHO_LIMIT]

    def tokens_in(self, said: Any) -> int:
        return sum(len(message["content"].split()) for message in said["messages"])

    def answer(self, request: Any, *, usage: bool) -> Iterator[bytes]:
        raise NotImplementedError

    def error_event(self) -> bytes:
        raise NotImplementedError

    def refusal(self, status: int, kind: str, words: str) -> Reply:
        raise NotImplementedError


def _json_reply(status: int, body: Any) -> Reply:
    return Reply(status, {"content-type": "application/json"}, iter([json.dumps(body).encode()]))


def _sse(value: Any, event: str = "") -> bytes:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()


@dataclass
class OpenAiServer(ModelServer):
    """platform.openai.com/docs/api-reference/chat/streaming"""

    strict: bool = False
    """Whether it refuses parameters as OpenAI's newer models do."""
    path = "/v1/chat/completions"
    opening = 2

    def find_refusal(self, request: Any) -> Reply | None:
        if self.strict and "max_tokens" in request:
            words = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
            return self.refusal(400, "unsupported_parameter", words)
        if self.strict and "temperature" in request:
            return self.refusal(400, "unsupported_value", "'temperature' does not support 0.7 with this model.")
        return None

    def answer(self, request: Any, *, usage: bool) -> Iterator[bytes]:
        words = self.words(request)
        yield self._chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        for word in words:
            yield self._chunk([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
        yield self._chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        if usage and request.get("stream_options", {}).get("include_usage"):
            counts = {"prompt_tokens": self.tokens_in(request), "completion_tokens": len(words)}
            yield self._chunk([], usage=counts | {"total_tokens": sum(counts.values())})
        yield _sse("[DONE]")

    def _chunk(self, choices: list[Any], **more: Any) -> bytes:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": None}
        return _sse(head | {"choices": choices} | more)

    def error_event(self) -> bytes:
        return _sse({"error": {"message": "The server had an error", "type": "server_error", "code": None}})

    def refusal(self, status: int, kind: str, words: str) -> Reply:
        return _json_reply(status, {"error": {"message": words, "type": kind, "param": None, "code": kind}})


@dataclass
class AnthropicServer(ModelServer):
    """docs.anthropic.com/en/api/messages-streaming"""

    path = "/v1/messages"
    opening = 4

    def is_authorized(self, headers: Mapping[str, str]) -> bool:
        return headers.get("x-api-key") == self.key

    def find_refusal(self, request: Any) -> Reply | None:
        if request["messages"] and request["messages"][0]["role"] == "system":
            return self.refusal(400, "invalid_request_error", "messages.0.role: Input should be 'user' or 'assistant'")
        if "temperature" in request and "top_p" in request:
            words = "`temperature` and `top_p` cannot both be specified for this model."
            return self.refusal(400, "invalid_request_error", words)
        return None

    def answer(self, request: Any, *, usage: bool) -> Iterator[bytes]:
        words = self.words(request)
        started: Any = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "stop_reason": None}
        counts = {"input_tokens": self.tokens_in(request), "output_tokens": 1} if usage else {}
        yield _sse({"type": "message_start", "message": started | {"usage": counts}}, "message_start")
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        yield _sse(block, "content_block_start")
        yield _sse({"type": "ping"}, "ping")
        for word in words:
            delta = {"type": "text_delta", "text": word}
            yield _sse({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
        yield _sse({"type": "content_block_stop", "index": 0}, "content_block_stop")
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        counts = {"output_tokens": len(words)} if usage else {}
        yield _sse({"type": "message_delta", "delta": ended, "usage": counts}, "message_delta")
        yield _sse({"type": "message_stop"}, "message_stop")

    def error_event(self) -> bytes:
        return _sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "error")

    def refusal(self, status: int, kind: str, words: str) -> Reply:
        return _json_reply(status, {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_1"})


@dataclass
class OllamaServer(ModelServer):
    """github.com/ollama/ollama/blob/main/docs/api.md"""

    path = "/api/chat"
    closing = 2

    @property
    def headers(self) -> Mapping[str, str]:
        return {"content-type": "application/x-ndjson"}

    def answer(self, request: Any, *, usage: bool) -> Iterator[bytes]:
        words = self.words(request)
        for word in words:
            yield self._line(request, message={"role": "assistant", "content": word}, done=False)
        counts = {"prompt_eval_count": self.tokens_in(request), "eval_count": len(words)} if usage else {}
        ended = {"done": True, "done_reason": "stop", "total_duration": 1, "load_duration": 1, "eval_duration": 1}
        yield self._line(request, message={"role": "assistant", "content": ""}, **ended, **counts)

    def _line(self, said: Any, **more: Any) -> bytes:
        return json.dumps({"model": said["model"], "created_at": "2026-01-01T00:00:00Z", **more}).encode() + b"\n"

    def error_event(self) -> bytes:
        return b'{"error": "llama runner process has terminated"}\n'

    def refusal(self, status: int, kind: str, words: str) -> Reply:
        return _json_reply(status, {"error": words})


@dataclass
class BedrockServer(ModelServer):
    """docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, in AWS's binary event stream."""

    opening = 2

    @property
    def headers(self) -> Mapping[str, str]:
        return {"content-type": "application/vnd.amazon.eventstream"}

    def has_route(self, path: str) -> bool:
        return path.startswith("/model/") and path.endswith("/converse-stream")

    def model_of(self, path: str, said: Any) -> str:
        return path.split("/")[2]

    def words(self, said: Any) -> list[str]:
        return [f"{word} " for word in said["messages"][-1]["content"][0]["text"].split(" ")][:ECHO_LIMIT]

    def answer(self, request: Any, *, usage: bool) -> Iterator[bytes]:
        words = self.words(request)
        yield _aws_event("messageStart", {"role": "assistant"})
        for word in words:
            yield _aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}})
        yield _aws_event("contentBlockStop", {"contentBlockIndex": 0})
        yield _aws_event("messageStop", {"stopReason": "end_turn"})
        counts = {"inputTokens": 9, "outputTokens": len(words), "totalTokens": 9 + len(words)}
        if usage:
            yield _aws_event("metadata", {"usage": counts, "metrics": {"latencyMs": 1}})

    def error_event(self) -> bytes:
        return _aws_event("throttlingException", {"message": "Too many tokens"}, kind="exception")

    def refusal(self, status: int, kind: str, words: str) -> Reply:
        reply = _json_reply(status, {"message": words})
        return reply._replace(
            headers={**reply.headers, "x-amzn-errortype": _AWS_ERRORS.get(status, "ValidationException")}
        )


_AWS_ERRORS = {
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    529: "ServiceUnavailableException",
}


def _aws_event(name: str, payload: Any, kind: str = "event") -> bytes:
    """One message of vnd.amazon.eventstream: lengths, headers, payload, and a checksum of each part."""
    values = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + len(value).to_bytes(2) + value.encode()
        for key, value in values.items()
    )
    body = json.dumps(payload).encode()
    prelude = (16 + len(headers) + len(body)).to_bytes(4) + len(headers).to_bytes(4)
    message = prelude + zlib.crc32(prelude).to_bytes(4) + headers + body
    return message + zlib.crc32(message).to_bytes(4)


def in_process(
    servers: Mapping[str, ModelServer],
) -> Callable[..., AbstractContextManager[StreamedResponse]]:
    """A streamer for `outbound.use_streamer`: the servers by host, without a network."""

    @contextmanager
    def stream(
        method: str, url: str, *, headers: Mapping[str, str], body: bytes, limits: Limits, private: bool
    ) -> Iterator[StreamedResponse]:
        parts = urlsplit(url)
        server = servers.get(parts.netloc)
        if server is None:
            raise Unreachable("refused", "the host refused the connection")
        reply = server.respond(parts.path, {name.lower(): value for name, value in headers.items()}, body)
        yield StreamedResponse(reply.status, dict(reply.headers), _without_network(reply.pieces, limits))

    return stream


def _without_network(pieces: Iterator[Piece], limits: Limits) -> Iterator[bytes]:
    count = 0
    for piece in pieces:
        if isinstance(piece, Linger):
            clock.sleep(limits.total)
        if isinstance(piece, Hang | Linger):
            raise Unreachable("timed out")
        if isinstance(piece, CutOff):
            raise Unreachable("closed", "the host closed the connection without a complete answer")
        count += len(piece)
        if count > limits.bytes:
            raise Unreachable("too large")
        yield piece


@contextmanager
def serving(server: ModelServer) -> Iterator[str]:
    """The server on a free port of this machine; yields its base URL, without a path."""
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            reply = server.respond(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(reply.status)
            for name, value in {**reply.headers, "transfer-encoding": "chunked"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = True
            with suppress(OSError):
                self._send(reply.pieces)

        def _send(self, pieces: Iterator[Piece]) -> None:
            for piece in pieces:
                if isinstance(piece, Hang | Linger):
                    released.wait(30)
                    return
                if isinstance(piece, CutOff):
                    return
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            released.set()
            http.shutdown()
