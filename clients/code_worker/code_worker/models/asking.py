"""Ask one model. Its answer is an asynchronous iterator that can be closed at any time."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from typing import Any

from code_worker.models import bedrock
from code_worker.models.catalog import Model
from code_worker.models.events import Delta, Done, ModelError
from code_worker.models.exchange import Cancelled, Exchange
from code_worker.models.protocols import PROTOCOLS, Message, ModelRequest

RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
OPTIONAL = ("temperature", "top_p")
"""Parameters without which a model is asked again if it refuses them."""
MAX_ANSWER_CHARACTERS = 300_000
MAX_RETRY_AFTER_SECONDS = 86_400.0


DEFAULT_FIRST_SECONDS = 120.0
"""How long an answer may take to begin."""


class _Ended:
    """The last item of the thread's queue."""


async def answer(model: Model, messages: list[Message], first_seconds: float) -> AsyncGenerator[Delta | Done, None]:
    """Iterate over the events of the model's answer as they arrive; the last is Done. Raises ModelError.

    The request runs in a thread. When the iterator is closed, or its task cancelled, the connection is closed at once.
    """
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[Delta | Done | Exception | _Ended] = asyncio.Queue()
    source = _source(model, messages, first_seconds)

    def put(event: Delta | Done | Exception | _Ended) -> None:
        with suppress(RuntimeError):  # the loop ended meanwhile
            loop.call_soon_threadsafe(events.put_nowait, event)

    threading.Thread(target=_pump, args=(source, put), name=f"asks {model.id}", daemon=True).start()
    try:
        while not isinstance(event := await events.get(), _Ended):
            if isinstance(event, Exception):
                raise event
            yield event
    finally:
        source.close()


class _Source:
    """An HTTP request that another thread can end."""

    def __init__(self, model: Model, messages: list[Message], first_seconds: float) -> None:
        self._model, self._messages, self._first_seconds = model, messages, first_seconds
        self._protocol = PROTOCOLS[model.provider.protocol]
        self._exchange: Exchange | None = None
        self._closed = False

    def events(self) -> Iterator[Delta | Done]:
        exchange = self._open(self._protocol.request(self._model, self._messages))
        return self._protocol.read(exchange.lines())

    def close(self) -> None:
        self._closed = True
        if self._exchange is not None:
            self._exchange.close()

    def release(self) -> None:
        if self._exchange is not None:
            self._exchange.release()

    def _open(self, request: ModelRequest) -> Exchange:
        """Open the exchange, which must be answered with 200. Raises ModelError."""
        exchange = self._send(request)
        if exchange.status == 200:
            return exchange
        after = exchange.header("retry-after")
        text = exchange.error_text()
        body = _accepted_body(request.body, text) if exchange.status in (400, 422) else None
        if body is not None:
            exchange.release()
            return self._open(ModelRequest(request.path, request.headers, body))
        raise refusal(exchange.status, after)

    def _send(self, request: ModelRequest) -> Exchange:
        url = self._model.provider.url + request.path
        idle_seconds = self._model.provider.idle_seconds
        exchange = Exchange(url, request.headers, request.body, self._first_seconds, idle_seconds)
        self._exchange = exchange
        if self._closed:
            raise Cancelled
        exchange.status = exchange.open()
        return exchange


def _accepted_body(body: dict[str, Any], refusal_text: str) -> dict[str, Any] | None:
    """The body without the parameter that the provider refuses, or with its new name; None if it names none. OpenAI's
    reasoning models have another name for the limit of tokens, and take no temperature."""
    refused = next((name for name in OPTIONAL if name in body and name in refusal_text), None)
    if "max_completion_tokens" in refusal_text and "max_tokens" in body:
        refused = "max_tokens"
    if refused is None:
        return None
    rest = {name: value for name, value in body.items() if name != refused}
    return rest | ({"max_completion_tokens": body[refused]} if refused == "max_tokens" else {})


def refusal(status: int, retry_after: str | None) -> ModelError:
    """The error for an answer other than 200. The provider's text is not repeated, because it may contain secrets."""
    reasons = {
        401: "the key is not valid",
        403: "the key does not allow it",
        404: "there is no such model or address",
        413: "the prompt is too long",
        429: "too many requests",
        529: "overloaded",
    }
    reason = reasons.get(status, "an error of the provider" if status >= 500 else "the request was refused")
    seconds = _seconds(retry_after) if status in (429, 503, 529) else None
    return ModelError(
        f"The model's provider answered {status} ({reason})", retryable=status in RETRYABLE, retry_after=seconds
    )


def _seconds(text: str | None) -> float | None:
    """Parse the header Retry-After in seconds. A date is not parsed; these providers rarely send one."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return min(seconds, MAX_RETRY_AFTER_SECONDS) if seconds >= 0 else None


def _source(model: Model, messages: list[Message], first_seconds: float) -> Any:
    if model.provider.protocol == "bedrock":
        return bedrock.Source(model, messages, first_seconds)
    return _Source(model, messages, first_seconds)


def _pump(source: Any, put: Callable[[Delta | Done | Exception | _Ended], None]) -> None:
    """Run in a thread: pass on the events or the error, and at the end _Ended."""
    length = 0
    try:
        for event in source.events():
            if isinstance(event, Delta):
                length += len(event.text)
                if length > MAX_ANSWER_CHARACTERS:
                    raise ModelError(f"The model's answer is longer than {MAX_ANSWER_CHARACTERS} characters")
            put(event)
    except Cancelled:
        pass
    except ModelError as error:
        put(error)
    except Exception as error:  # noqa: BLE001 - a provider that answers in an unknown form must not end the worker
        put(ModelError(f"The model's answer could not be read ({type(error).__name__})"))
    finally:
        source.release()
        put(_Ended())
