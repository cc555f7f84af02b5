"""One attempt at a task: a model writes the code, the sandbox runs tests, and the result is returned."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from code_worker import prompts
from code_worker.chunks import ChunkBuffer
from code_worker.errors import TaskFailed
from code_worker.languages import canonical
from code_worker.models.catalog import Catalog, Sampling
from code_worker.models.events import ModelError
from code_worker.models.generation import Generated, Generator
from code_worker.testing.outcomes import Outcome

MAX_SECONDS = 3600.0
LAST_SECONDS = 3.0
LAST_SHARE = 0.05
"""The time before the end of an attempt that is reserved for sending the report: this share, and at most so long."""
WRITING = 80
"""The progress in percent when all code is written."""
MAX_CODE_BYTES = 60_000
MAX_RESULT_BYTES = 125_000
"""A result must fit into a message of API Gateway (128 KB)."""
LEFT_OUT = "What the tests have printed, and why they failed, was left out: it was too long."


class Tester(Protocol):
    """Runs tests of code."""

    async def test(self, language: str, code: str, caller: list[str], model: list[str], seconds: float) -> Outcome:
        """Run the caller's and the model's tests for up to `seconds`."""


@dataclass(frozen=True)
class CodeTask:
    """A code task from Yardmaster."""

    prompt: str
    language: str
    context: dict[str, Any]
    model: str | None
    fallback: list[str]
    timeout_seconds: float
    sampling: Sampling = field(default_factory=Sampling)

    @property
    def tests(self) -> list[str]:
        """The caller's tests."""
        tests = self.context.get("tests") or []
        return [tests] if isinstance(tests, str) else [text for text in tests if isinstance(text, str) and text.strip()]


def parse(data: Any) -> CodeTask:
    """Parse the task in a frame's data. Raises TaskFailed."""
    if not isinstance(data, dict) or not isinstance(data.get("prompt"), str):
        raise TaskFailed("The task has no prompt", retryable=False)
    context, fallback, seconds = data.get("context"), data.get("fallback"), data.get("timeout_seconds")
    return CodeTask(
        prompt=data["prompt"],
        language=canonical(str(data.get("language") or "python")),
        context=context if isinstance(context, dict) else {},
        model=data.get("model") or None,
        fallback=[str(name) for name in fallback] if isinstance(fallback, list) else [],
        timeout_seconds=float(seconds) if isinstance(seconds, int | float) and seconds > 0 else MAX_SECONDS,
        sampling=Sampling(_number(data.get("temperature")), _number(data.get("top_p"))),
    )


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


class Progress:
    """The progress, from 0 to 100. It never falls, and each rise is reported."""

    def __init__(self, emit: Callable[[int], None]) -> None:
        self._emit = emit
        self.percent = 0

    def wrote(self, characters: int) -> None:
        """Record how much code is written. The total is unknown, so each part raises the progress by less."""
        self.percent = max(self.percent, round(WRITING * characters / (characters + 1200)))

    def reached(self, percent: int) -> None:
        """Record that a step is done."""
        if percent > self.percent:
            self.percent = percent
            self._emit(percent)


class Attempts:
    """Performs attempts."""

    def __init__(self, models: Catalog, generator: Generator, tester: Tester) -> None:
        self._models, self._generator, self._tester = models, generator, tester

    async def perform(
        self, data: Any, deadline_ms: int | None, chunk: Callable[[str, int], None], progress: Callable[[int], None]
    ) -> dict[str, Any]:
        """Perform the task, return its result. `chunk` gets each piece of code with the progress. Raises TaskFailed."""
        task = parse(data)
        allowed = min(task.timeout_seconds, MAX_SECONDS, _remaining(deadline_ms))
        seconds = seconds_without_report(allowed)
        ends = time.monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                generated = await self._generate(task, Progress(progress), chunk)
        except TimeoutError:
            raise TaskFailed(f"The model was not done after {allowed:.0f} seconds", timed_out=True) from None
        except ModelError as error:
            raise TaskFailed(str(error), retryable=error.retryable, retry_after=error.retry_after) from None
        progress(WRITING + 5)
        left = max(0.0, ends - time.monotonic())
        outcome = await self._tester.test(task.language, generated.code, task.tests, generated.tests, left)
        return _result(generated, outcome)

    async def _generate(self, task: CodeTask, progress: Progress, chunk: Callable[[str, int], None]) -> Generated:
        models = [replace(model, sampling=task.sampling) for model in self._models.in_order(task.model, task.fallback)]
        if not models:
            wanted = ", ".join(name for name in [task.model, *task.fallback] if name)
            raise TaskFailed(f"This worker has none of the models {wanted}; it has {', '.join(self._models.ids)}")
        progress.reached(1)
        written = 0

        def emit(text: str) -> None:
            nonlocal written
            written += len(text.encode("utf-8", "replace"))
            if written > MAX_CODE_BYTES:
                raise ModelError(f"The code is longer than {MAX_CODE_BYTES} bytes", retryable=False)
            progress.wrote(written)
            buffer.add(text)

        buffer = ChunkBuffer(lambda text: chunk(text, progress.percent))
        try:
            messages = prompts.messages(task.prompt, task.language, task.context, task.tests)
            generated = await self._generator.generate(models, messages, task.language, emit)
            buffer.flush()
        finally:
            buffer.stop()
        return generated


def seconds_without_report(seconds: float) -> float:
    """What is left of an attempt's seconds when the time for its report is taken away."""
    return seconds - min(LAST_SECONDS, LAST_SHARE * seconds)


def _remaining(deadline_ms: int | None) -> float:
    """Seconds until the deadline, at least one: the clocks may differ."""
    if not isinstance(deadline_ms, int):
        return MAX_SECONDS
    return max(1.0, deadline_ms / 1000 - time.time())


def _result(generated: Generated, outcome: Outcome) -> dict[str, Any]:
    cut = "The model stopped at its limit of tokens: the code may not be complete." if generated.is_cut else ""
    note = " ".join(text for text in (cut, outcome.note) if text)
    whole = {
        "code": generated.code,
        "tests_passed": sum(test.passed for test in outcome.tests),
        "tests_total": len(outcome.tests),
        "execution_time_ms": outcome.execution_time_ms,
        "tests": [test.as_json() for test in outcome.tests],
        "output": outcome.output,
        "note": note or None,
        "usage": {"model": generated.model, "tokens_in": generated.tokens_in, "tokens_out": generated.tokens_out},
    }
    if _size(whole) <= MAX_RESULT_BYTES:
        return whole
    tests = [replace(test, error="").as_json() for test in outcome.tests]
    brief = whole | {"tests": tests, "output": "", "note": f"{note} {LEFT_OUT}".strip()}
    if _size(brief) > MAX_RESULT_BYTES:
        raise TaskFailed(f"The result is longer than {MAX_RESULT_BYTES} bytes", retryable=False)
    return brief


def _size(result: dict[str, Any]) -> int:
    """The bytes of the result in a frame."""
    return len(json.dumps(result, ensure_ascii=False).encode("utf-8", "replace"))
