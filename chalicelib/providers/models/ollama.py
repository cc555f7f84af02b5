"""Ollama's own API (`POST {url}/api/chat`): an answer is a line of JSON for each piece of text."""

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.domain.models.chat import ChatRequest, Delta, Done, Events, ProviderFailed, reason_of
from chalicelib.providers.models import streaming
from chalicelib.providers.models.streaming import Endpoint


def stream(endpoint: Endpoint, request: ChatRequest) -> Events:
    """The model's answer. Raises ModelFailure."""
    headers = {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    with streaming.post(endpoint, "/api/chat", _body(request), headers) as lines:
        yield from _read(endpoint, lines)


def _body(request: ChatRequest) -> dict[str, Any]:
    options = {"num_predict": request.max_tokens, "temperature": request.temperature, "top_p": request.top_p}
    return {
        "model": request.model,
        "messages": [message._asdict() for message in request.messages],
        "stream": True,
        "options": {name: value for name, value in options.items() if value is not None},
    }


def _read(endpoint: Endpoint, lines: Iterator[str]) -> Events:
    for part in (streaming.parse_line(line) for line in lines if line.strip()):
        if part.get("error") is not None:
            raise ProviderFailed(endpoint.redact(streaming.text_of(part["error"])) or "an error midway")
        text = streaming.text_of(streaming.object_of(part.get("message")).get("content"))
        if text:
            yield Delta(text)
        if part.get("done") is True:
            yield _done(part)
            return
    raise streaming.stopped_midway()


def _done(part: Mapping[str, Any]) -> Done:
    counts = [streaming.count_of(part.get(name)) for name in ("prompt_eval_count", "eval_count")]
    return Done(reason_of(part.get("done_reason", "stop")), *counts)
