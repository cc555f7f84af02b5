"""OpenAI's chat completions, which most servers of language models speak (`POST {url}/chat/completions`).

Newer models of OpenAI refuse parameters that others need. A refusal that names one is answered by the request without
it, or with its new name.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from chalicelib.domain.models.chat import (
    ChatRequest,
    Delta,
    Done,
    Events,
    ProviderFailed,
    Reason,
    RequestRefused,
    failure_of_status,
    reason_of,
)
from chalicelib.providers.models import streaming
from chalicelib.providers.models.streaming import Endpoint

_RENAMED = {"max_tokens": "max_completion_tokens"}
_OPTIONAL = ("max_tokens", "temperature", "top_p", "stream_options")
"""Parameters that a server may refuse, by the names that its refusal uses."""


def stream(endpoint: Endpoint, request: ChatRequest) -> Events:
    """The model's answer. Raises ModelFailure."""
    body = _body(request)
    headers = {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    with ExitStack() as opened:
        while True:
            try:
                lines = opened.enter_context(streaming.post(endpoint, "/chat/completions", body, headers))
                break
            except RequestRefused as refused:
                body = _without_refused(body, refused)
        yield from _read(endpoint, lines)


def _body(request: ChatRequest) -> dict[str, Any]:
    chosen = {"temperature": request.temperature, "top_p": request.top_p}
    return {
        "model": request.model,
        "messages": [message._asdict() for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": request.max_tokens,
        **{name: value for name, value in chosen.items() if value is not None},
    }


def _without_refused(body: dict[str, Any], refused: RequestRefused) -> dict[str, Any]:
    """The body without the parameter that the refusal names, or with its new name. Raises the refusal if it names none
    that can be left out."""
    words = str(refused)
    named = next((name for name in _OPTIONAL if name in body and name in words), None)
    if refused.status not in (400, 422) or named is None:
        raise refused
    rest = {name: value for name, value in body.items() if name != named}
    return rest | ({_RENAMED[named]: body[named]} if named in _RENAMED else {})


def _read(endpoint: Endpoint, lines: Any) -> Events:
    reason: Reason | None = None
    usage: Mapping[str, Any] = {}
    for data in streaming.event_data(lines):
        if data == "[DONE]":
            break
        chunk = streaming.parse_line(data)
        _raise_if_error(endpoint, chunk)
        usage = streaming.object_of(chunk.get("usage")) or usage
        for choice in map(streaming.object_of, streaming.list_of(chunk.get("choices"))):
            text = streaming.text_of(streaming.object_of(choice.get("delta")).get("content"))
            if text:
                yield Delta(text)
            if choice.get("finish_reason") is not None:
                reason = reason_of(choice["finish_reason"])
    if reason is None:
        raise streaming.stopped_midway()
    counts = [streaming.count_of(usage.get(name)) for name in ("prompt_tokens", "completion_tokens")]
    yield Done(reason, *counts)


def _raise_if_error(endpoint: Endpoint, chunk: Mapping[str, Any]) -> None:
    if chunk.get("error") is None:  # some servers send null with each piece
        return
    error = streaming.object_of(chunk["error"])
    words = endpoint.redact(streaming.text_of(error.get("message")) or streaming.text_of(chunk["error"]))
    code = error.get("code")
    if isinstance(code, int) and 400 <= code < 600:
        raise failure_of_status(code, words)
    raise ProviderFailed(words or "the provider reported an error midway")
