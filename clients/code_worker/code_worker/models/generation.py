"""Get code from the first model that returns some. A provider gets no request for as long as its Retry-After asks."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from code_worker.extraction import Extractor
from code_worker.models.asking import answer
from code_worker.models.catalog import Model
from code_worker.models.events import Delta, Done, ModelError
from code_worker.models.protocols import Message

MAX_WAIT_SECONDS = 60.0
"""If all paused providers ask for longer pauses, the attempt fails, and the task is retried after the shortest one."""
MIN_PAUSE_SECONDS = 1.0
LATELY_SECONDS = 60.0
ROUNDS = 5
"""How often an attempt waits for a provider's pause."""


@dataclass(frozen=True)
class Generated:
    """A model's code. `is_cut`: the model stopped at its token limit."""

    code: str
    tests: list[str]
    model: str
    tokens_in: int
    tokens_out: int
    is_cut: bool


class Health:
    """Recent failures and pauses of the models, shared by the worker's tasks."""

    def __init__(self) -> None:
        self._paused_until: dict[str, float] = {}
        self._failed_at: dict[str, float] = {}

    def note(self, model: Model, error: ModelError) -> None:
        """Record a failure. If the provider asks for a pause, none of its models is asked before it is over."""
        self._failed_at[model.id] = time.monotonic()
        if error.retry_after is not None:
            self._paused_until[model.provider.name] = time.monotonic() + max(error.retry_after, MIN_PAUSE_SECONDS)

    def pause(self, model: Model) -> float:
        """Seconds until the model may be asked; 0 if now."""
        return max(0.0, self._paused_until.get(model.provider.name, 0.0) - time.monotonic())

    def in_order(self, models: list[Model]) -> list[Model]:
        """The models that may be asked now, in their order; models that failed recently come last."""
        threshold = time.monotonic() - LATELY_SECONDS
        allowed = [model for model in models if not self.pause(model)]
        return sorted(allowed, key=lambda model: self._failed_at.get(model.id, threshold) > threshold)


class Generator:
    """Has models write code."""

    def __init__(self, first_seconds: float) -> None:
        self._first_seconds = first_seconds
        self._health = Health()

    async def generate(
        self, models: list[Model], messages: list[Message], language: str, emit: Callable[[str], None]
    ) -> Generated:
        """Ask the models in order until one returns code; `emit` gets each piece of code as it arrives.

        After the first piece no other model is asked, because pieces cannot be taken back. Raises the ModelError of
        the last model that was asked.
        """
        failure = ModelError("No model gave an answer")
        for _ in range(ROUNDS):
            for model in self._health.in_order(models):
                attempt = _Answer(language, emit)
                try:
                    return await attempt.read(model, messages, self._first_seconds)
                except ModelError as error:
                    self._health.note(model, error)
                    if attempt.has_emitted:
                        raise
                    failure = error
            await self._wait(models, failure)
        raise failure

    async def _wait(self, models: list[Model], failure: ModelError) -> None:
        """Wait for the provider with the shortest pause. Raises the failure if no provider is paused."""
        waits = [seconds for model in models if (seconds := self._health.pause(model))]
        if not waits:
            raise failure
        if min(waits) > MAX_WAIT_SECONDS:
            raise ModelError("The models' providers want fewer requests", retry_after=min(waits))
        await asyncio.sleep(min(waits))


class _Answer:
    """The answer of one model."""

    def __init__(self, language: str, emit: Callable[[str], None]) -> None:
        self._language, self._extractor = language, Extractor(language)
        self._emit = emit
        self.has_emitted = False

    async def read(self, model: Model, messages: list[Message], first_seconds: float) -> Generated:
        done: Done | None = None
        async with aclosing(answer(model, messages, first_seconds)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    self._pass_on(self._extractor.feed(event.text))
                else:
                    done = event
        self._pass_on(self._extractor.end())
        if done is None or not self._extractor.code:
            raise ModelError(f"The model's answer holds no code in {self._language}")
        tokens = done.tokens_in, done.tokens_out
        return Generated(self._extractor.code, self._extractor.tests, model.id, *tokens, done.is_cut)

    def _pass_on(self, text: str) -> None:
        if text:
            self.has_emitted = True
            self._emit(text)
