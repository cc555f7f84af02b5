"""What all protocols share: one streamed request, its response in lines of JSON, and what goes wrong with it.

Everything that a provider sends is bounded: bytes, the length of a line, silence, and the time in all.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.domain import foreign_json, retry_after
from chalicelib.domain.models.chat import (
    ModelFailure,
    ProviderFailed,
    ProviderTimedOut,
    RequestRefused,
    failure_of_status,
)
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Limits, Reason, StreamedResponse, Unreachable

MAX_BYTES = 20_000_000
"""Of a whole answer. Providers wrap each token in some hundred bytes."""
MAX_LINE_BYTES = 1_000_000
MAX_ERROR_BYTES = 20_000
MAX_REST_MS = clock.HOUR
_KINDS: Mapping[Reason, type[ModelFailure]] = {
    "invalid": RequestRefused,
    "forbidden address": RequestRefused,
    "timed out": ProviderTimedOut,
}
"""What it means that there is no response for this reason; ProviderFailed for any other."""
_REDACTED = "***"
_WORD = re.compile(r"\S+")
_MIN_SECRET = 6


class Endpoint(NamedTuple):
    """Where and how a provider is called. `idle_seconds` bounds its silence, `total_seconds` the whole call."""

    url: str
    key: str = ""
    private: bool = False
    idle_seconds: float = 60.0
    total_seconds: float = 300.0

    def redact(self, words: str) -> str:
        """A provider's words without the key, which it may repeat as a whole, or as `sk-proj-****abcd`."""
        whole = words.replace(self.key, _REDACTED) if len(self.key) >= _MIN_SECRET else words
        return _WORD.sub(lambda word: _REDACTED if _REDACTED in word[0] else word[0], whole)


@contextmanager
def post(
    endpoint: Endpoint, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Iterator[Iterator[str]]:
    """POST a request and yield the lines of a 200's body as they come.

    Raises the ModelFailure of any other status, and ProviderFailed where there is no complete response.
    """
    content = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    all_headers = {"content-type": "application/json", **(headers or {})}
    limits = Limits(endpoint.idle_seconds, endpoint.total_seconds, MAX_BYTES)
    url = endpoint.url + path
    with (
        _translating(),
        outbound.stream("POST", url, headers=all_headers, body=content, limits=limits, private=endpoint.private) as got,
    ):
        if got.status != 200:
            raise _failure(got, endpoint)
        yield _split_into_lines(got.pieces)


def send(endpoint: Endpoint, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The JSON object with which a request is answered as a whole. Raises ModelFailure, whose `status` is None where
    there is no response."""
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode(errors="replace")
    headers = {"content-type": "application/json"} if content else {}
    headers |= {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    url, seconds = endpoint.url + path, endpoint.total_seconds
    with _translating():
        response = outbound.send(method, url, headers=headers, body=content, timeout=seconds, private=endpoint.private)
    text = response.body.decode("utf-8", "replace")
    if response.status != 200:
        raise failure_of_status(response.status, endpoint.redact(read_error(text)[0]))
    value = parse_object(text)
    if not value:
        raise ProviderFailed("the answer is not what this protocol says: is the URL right?", status=response.status)
    return value


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except Unreachable as unreachable:
        kind = _KINDS.get(unreachable.reason, ProviderFailed)
        raise kind(f"no complete answer: {unreachable}") from None


def _split_into_lines(pieces: Iterator[bytes]) -> Iterator[str]:
    buffer = b""
    for piece in pieces:
        *lines, buffer = (buffer + piece).split(b"\n")
        if len(buffer) > MAX_LINE_BYTES or any(len(line) > MAX_LINE_BYTES for line in lines):
            raise ProviderFailed(f"a line of the answer is longer than {MAX_LINE_BYTES} bytes")
        yield from (line.rstrip(b"\r").decode("utf-8", "replace") for line in lines)
    if buffer:
        yield buffer.rstrip(b"\r").decode("utf-8", "replace")


def _failure(response: StreamedResponse, endpoint: Endpoint) -> ModelFailure:
    """What a response other than 200 means. Its body is read as far as it comes."""
    body = b""
    try:
        for piece in response.pieces:
            body += piece
            if len(body) > MAX_ERROR_BYTES:
                break
    except Unreachable:
        pass  # The status is enough.
    words, code = read_error(body.decode("utf-8", "replace"))
    rest_ms = retry_after.parse_ms(retry_after.header_value(response.headers), clock.now())
    status = 402 if code == "insufficient_quota" else response.status
    return failure_of_status(status, endpoint.redact(words), None if rest_ms is None else min(rest_ms, MAX_REST_MS))


def read_error(text: str) -> tuple[str, str]:
    """A provider's words and its code, from `{"error": {"message", "code" or "type"}}` or `{"error": "words"}`; empty
    where it says neither."""
    error = parse_object(text).get("error")
    if not isinstance(error, dict):
        return (error, "") if isinstance(error, str) else ("", "")
    code = error.get("code") or error.get("type")
    return _text(error.get("message")), _text(code)


def parse_object(text: str) -> Mapping[str, Any]:
    """A JSON object without lone surrogates, which cannot be stored; empty where the text is none."""
    try:
        value = foreign_json.parse(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def parse_line(text: str) -> Mapping[str, Any]:
    """The JSON object of one line of an answer. Raises ProviderFailed where it is none."""
    value = parse_object(text)
    if not value:
        raise ProviderFailed("the answer is not what this protocol says: is the URL right?")
    return value


def event_data(lines: Iterator[str]) -> Iterator[str]:
    """The data of server-sent events; comments and other fields are skipped."""
    return (line[5:].strip() for line in lines if line.startswith("data:"))


def stopped_midway() -> ProviderFailed:
    """The answer ended before the provider said that it was complete."""
    return ProviderFailed("the answer stopped midway")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def text_of(value: object) -> str:
    """A piece of an answer's text that can be stored; empty where it is none."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def object_of(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """A JSON array; an empty one for anything else."""
    return value if isinstance(value, list) else []


def count_of(value: object) -> int | None:
    """A count of tokens; None for anything else."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9
    return value if is_count else None  # type: ignore[return-value]
