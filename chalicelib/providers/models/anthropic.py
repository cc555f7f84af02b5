"""Anthropic's Messages API (`POST {url}/v1/messages`, version 2023-06-01).

Of temperature and top_p only the temperature is sent, as Anthropic advises: newer models refuse both at once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.domain.models.chat import (
    ChatRequest,
    Delta,
    Done,
    Events,
    ProviderFailed,
    Reason,
    failure_of_status,
    reason_of,
)
from chalicelib.providers.models import streaming
from chalicelib.providers.models.streaming import Endpoint

VERSION = "2023-06-01"
_STATUS_OF_ERROR = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status with which an error comes when it is not reported midway."""


def stream(endpoint: Endpoint, request: ChatRequest) -> Events:
    """The model's answer. Raises ModelFailure."""
    headers = {"x-api-key": endpoint.key, "anthropic-version": VERSION}
    with streaming.post(endpoint, "/v1/messages", _body(request), headers) as lines:
        yield from _read(endpoint, lines)


def _body(request: ChatRequest) -> dict[str, Any]:
    sampling = {"temperature": request.temperature} if request.temperature is not None else {"top_p": request.top_p}
    chosen = {"system": request.system or None, **sampling}
    return {
        "model": request.model,
        "messages": [message._asdict() for message in request.dialogue],
        "stream": True,
        "max_tokens": request.max_tokens,
        **{name: value for name, value in chosen.items() if value is not None},
    }


def _read(endpoint: Endpoint, lines: Iterator[str]) -> Events:
    reason: Reason = "other"
    tokens_in: int | None = None
    tokens_out: int | None = None
    for event in map(streaming.parse_line, streaming.event_data(lines)):
        match event.get("type"):
            case "message_start":
                usage = streaming.object_of(streaming.object_of(event.get("message")).get("usage"))
                tokens_in = _count_input(usage)
            case "content_block_delta":
                text = streaming.text_of(streaming.object_of(event.get("delta")).get("text"))
                if text:
                    yield Delta(text)
            case "message_delta":
                reason = reason_of(streaming.object_of(event.get("delta")).get("stop_reason"))
                tokens_out = streaming.count_of(streaming.object_of(event.get("usage")).get("output_tokens"))
            case "error":
                raise _failure(endpoint, event)
            case "message_stop":
                yield Done(reason, tokens_in, tokens_out)
                return
    raise streaming.stopped_midway()


def _count_input(usage: Mapping[str, Any]) -> int | None:
    """All tokens of the input: those that were read from a cache and written to one are counted apart."""
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    counts = [count for name in names if (count := streaming.count_of(usage.get(name))) is not None]
    return sum(counts) if counts else None


def _failure(endpoint: Endpoint, event: Mapping[str, Any]) -> Exception:
    error = streaming.object_of(event.get("error"))
    words = endpoint.redact(streaming.text_of(error.get("message")))
    status = _STATUS_OF_ERROR.get(streaming.text_of(error.get("type")))
    return ProviderFailed(words or "an error midway") if status is None else failure_of_status(status, words)
