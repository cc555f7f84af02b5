"""The wire formats of the providers: a request's path, headers and body, and the events of its answer.

Messages are `{"role": "system" | "user" | "assistant", "content": text}`. Answers are read line by line as they arrive.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from code_worker.models.catalog import Model
from code_worker.models.events import Delta, Done, ModelError, StoppedMidway

Message = dict[str, str]
Events = Iterator[Delta | Done]


@dataclass(frozen=True)
class ModelRequest:
    """A POST. `path` is below the provider's address."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Protocol:
    """Builds the requests to one kind of provider, and reads its answers."""

    request: Callable[[Model, list[Message]], ModelRequest]
    read: Callable[[Iterable[str]], Events]


def _set(**parameters: float | None) -> dict[str, float]:
    """The parameters that are not left to the provider."""
    return {name: value for name, value in parameters.items() if value is not None}


def _openai_request(model: Model, messages: list[Message]) -> ModelRequest:
    body = {
        "model": model.provider_id,
        "messages": messages,
        "max_tokens": model.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body |= _set(temperature=model.sampling.temperature, top_p=model.sampling.top_p)
    headers = {"authorization": f"Bearer {model.provider.key}"} if model.provider.key else {}
    return ModelRequest("/chat/completions", headers, body)


def _openai_read(lines: Iterable[str]) -> Events:
    reason = ""
    usage: dict[str, int] = {}
    for event in _data(lines):
        if event is None:
            reason = reason or "stop"
            break
        if event.get("error") is not None:
            raise _error_from_event(event["error"])
        for choice in event.get("choices") or ():
            if text := (choice.get("delta") or {}).get("content"):
                yield Delta(text)
            reason = choice.get("finish_reason") or reason
        usage = event.get("usage") or usage
    if not reason:
        raise StoppedMidway
    yield Done(reason == "length", usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0)


def _anthropic_request(model: Model, messages: list[Message]) -> ModelRequest:
    body = {
        "model": model.provider_id,
        "max_tokens": model.max_tokens,
        "stream": True,
        "system": "\n".join(message["content"] for message in messages if message["role"] == "system"),
        "messages": [message for message in messages if message["role"] != "system"],
    }
    # As Anthropic advises: newer models refuse both at once.
    temperature, top_p = model.sampling.temperature, model.sampling.top_p
    body |= _set(temperature=temperature) or _set(top_p=top_p)
    headers = {"x-api-key": model.provider.key, "anthropic-version": "2023-06-01"}
    return ModelRequest("/v1/messages", headers, body)


def _anthropic_read(lines: Iterable[str]) -> Events:
    tokens_in = tokens_out = 0
    reason = ""
    for event in _data(lines):
        kind = event and event.get("type")
        if kind == "message_stop":
            yield Done(reason == "max_tokens", tokens_in, tokens_out)
            return
        if not event:
            continue
        if kind == "content_block_delta" and event["delta"].get("type") == "text_delta":
            yield Delta(event["delta"]["text"])
        elif kind == "message_start":
            tokens_in = event["message"]["usage"].get("input_tokens") or 0
        elif kind == "message_delta":
            reason = event["delta"].get("stop_reason") or reason
            tokens_out = (event.get("usage") or {}).get("output_tokens") or tokens_out
        elif kind == "error":
            raise _error_from_event(event["error"])
    raise StoppedMidway


def _ollama_request(model: Model, messages: list[Message]) -> ModelRequest:
    sampling = _set(temperature=model.sampling.temperature, top_p=model.sampling.top_p)
    options = {"num_predict": model.max_tokens, **sampling}
    body = {"model": model.provider_id, "messages": messages, "stream": True, "options": options}
    headers = {"authorization": f"Bearer {model.provider.key}"} if model.provider.key else {}
    return ModelRequest("/api/chat", headers, body)


def _ollama_read(lines: Iterable[str]) -> Events:
    for line in lines:
        if not line.strip():
            continue
        event = _json(line)
        if event.get("error") is not None:
            raise _error_from_event(event["error"])
        if text := (event.get("message") or {}).get("content"):
            yield Delta(text)
        if event.get("done"):
            tokens = event.get("prompt_eval_count") or 0, event.get("eval_count") or 0
            yield Done(event.get("done_reason") == "length", *tokens)
            return
    raise StoppedMidway


def _data(lines: Iterable[str]) -> Iterator[dict[str, Any] | None]:
    """The events of a stream of server-sent events; None is OpenAI's `[DONE]`."""
    for line in lines:
        if line.startswith("data:"):
            text = line[5:].strip()
            yield None if text == "[DONE]" else _json(text)


def _json(text: str) -> dict[str, Any]:
    try:
        event = json.loads(text)
    except ValueError:
        raise ModelError("The model's provider sent what is not JSON") from None
    if not isinstance(event, dict):
        raise ModelError("The model's provider sent what is not an object")
    return event


def _error_from_event(error: Any) -> ModelError:
    """The error for an error event within the stream. The provider's text may contain secrets and is not repeated."""
    kind = error.get("type") or error.get("code") if isinstance(error, dict) else None
    known = kind if isinstance(kind, str) and kind.replace("_", "").isalnum() and len(kind) < 60 else "no reason"
    return ModelError(f"The model's provider reported an error in the middle of the answer: {known}")


PROTOCOLS = {
    "openai": Protocol(_openai_request, _openai_read),
    "anthropic": Protocol(_anthropic_request, _anthropic_read),
    "ollama": Protocol(_ollama_request, _ollama_read),
}
"""All protocols but Bedrock's, for which boto3 is used."""
