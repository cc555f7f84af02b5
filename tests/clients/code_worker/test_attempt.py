"""One attempt: the request to the model, the reports meanwhile, and the result."""

import asyncio
import json
from typing import Any

import pytest
from code_worker.attempt import (
    LEFT_OUT,
    MAX_CODE_BYTES,
    MAX_RESULT_BYTES,
    Attempts,
    Progress,
    parse,
    seconds_without_report,
)
from code_worker.errors import TaskFailed
from code_worker.models.catalog import Catalog, Model, Provider
from code_worker.models.generation import Generator
from code_worker.testing.outcomes import Outcome, Verdict
from hypothesis import given
from hypothesis import strategies as st

from tests.clients.code_worker.fake_provider import Answer, Handler, openai, provider, refusal

CODE = "def add(a, b):\n    return a + b"
ANSWER = f"```python\n{CODE}\n```\nTests:\n```python\nassert add(1, 1) == 2\n```"


class FakeTester:
    """Reports that all tests pass, and records its arguments."""

    def __init__(self) -> None:
        self.given: tuple[Any, ...] = ()
        self.seconds = 0.0

    async def test(self, language: str, code: str, caller: list[str], model: list[str], seconds: float) -> Outcome:
        self.given = language, code, caller, model
        self.seconds = seconds
        assert 0 <= seconds <= 3600
        tests = [Verdict(text, "caller", True) for text in caller] + [
            Verdict(text, "model", False, "no") for text in model
        ]
        return Outcome(tests, 12, "printed", "a note")


def perform(answer: Answer, *, deadline_ms: int | None = None, tester: FakeTester | None = None, **data: Any) -> Any:
    """The result, the chunks, the progress and the requests of an attempt. Raises TaskFailed."""
    chunks: list[tuple[str, int]] = []
    progress: list[int] = []
    with provider(answer) as server:
        at = Provider("p", "openai", f"{server.url}/v1", "")
        models = Catalog([Model("one", at, "m1", 10), Model("two", at, "m2", 10)])
        attempts = Attempts(models, Generator(20), tester or FakeTester())
        task = {"prompt": "Add.", "language": "Python", "context": {}} | data
        result = asyncio.run(attempts.perform(task, deadline_ms, lambda *chunk: chunks.append(chunk), progress.append))
    return result, chunks, progress, server.requests


def test_the_result_of_an_attempt() -> None:
    tester = FakeTester()
    result, chunks, progress, _ = perform(openai(ANSWER), tester=tester, context={"tests": ["assert add(1, 2) == 3"]})
    assert tester.given == ("python", CODE, ["assert add(1, 2) == 3"], ["assert add(1, 1) == 2"])
    assert result == {
        "code": CODE,
        "tests_passed": 1,
        "tests_total": 2,
        "execution_time_ms": 12,
        "tests": [
            {"name": "assert add(1, 2) == 3", "source": "caller", "passed": True},
            {"name": "assert add(1, 1) == 2", "source": "model", "passed": False, "error": "no"},
        ],
        "output": "printed",
        "note": "a note",
        "usage": {"model": "one", "tokens_in": 7, "tokens_out": 9},
    }
    assert "".join(text for text, _ in chunks) == CODE
    reported = [1, *(percent for _, percent in chunks), *progress[1:]]
    assert reported == sorted(reported) and progress == [1, 85]


def test_the_model_is_told_the_task_and_the_tests() -> None:
    context = {"framework": "none", "requirements": ["fast"], "tests": "assert add(1, 2) == 3"}
    *_, [request] = perform(openai(ANSWER), context=context)
    system, user = request.body["messages"]
    assert "python" in system["content"]
    assert user["content"].startswith("Add.\n\nContext: {") and '"fast"' in user["content"]
    assert "framework" not in user["content"] and "assert add(1, 2) == 3" in user["content"]


def test_the_model_that_the_task_names_is_asked() -> None:
    *_, [request] = perform(openai(ANSWER), model="two")
    assert request.body["model"] == "m2"
    *_, [request] = perform(openai(ANSWER), model="gone", fallback=["two"])
    assert request.body["model"] == "m2"


def test_the_model_gets_the_parameters_of_the_task() -> None:
    *_, [request] = perform(openai(ANSWER), temperature=0.1, top_p=0.5)
    assert (request.body["temperature"], request.body["top_p"]) == (0.1, 0.5)
    *_, [request] = perform(openai(ANSWER), temperature="warm", top_p=None)
    assert request.body.keys().isdisjoint({"temperature", "top_p"})


def test_a_model_that_this_worker_lacks_fails_the_attempt_and_names_those_it_has() -> None:
    with pytest.raises(TaskFailed, match="none of the models gone, lost; it has one, two") as failed:
        perform(openai(ANSWER), model="gone", fallback=["lost"])
    assert failed.value.retryable


def test_code_that_was_cut_at_the_limit_says_so() -> None:
    assert "limit of tokens" in perform(openai(f"```python\n{CODE}", reason="length"))[0]["note"]


@pytest.mark.parametrize("data", [{"prompt": 3}, {"prompt": None}])
def test_a_task_without_a_prompt_can_never_succeed(data: dict[str, Any]) -> None:
    with pytest.raises(TaskFailed) as failed:
        perform(openai(ANSWER), **data)
    assert not failed.value.retryable


def test_data_of_any_form_is_a_task_or_a_failure() -> None:
    for data in (None, 3, [], {}, {"prompt": 3}):
        with pytest.raises(TaskFailed):
            parse(data)
    task = parse({"prompt": "x", "language": None, "context": 3, "fallback": "x", "timeout_seconds": -1, "model": ""})
    assert (task.language, task.context, task.fallback, task.model, task.tests) == ("python", {}, [], None, [])
    assert parse({"prompt": "x", "context": {"tests": ["a", 3, " "]}}).tests == ["a"]


@pytest.mark.parametrize("end", [{"timeout_seconds": 0.2}, {"deadline_ms": 1}])
def test_a_model_that_takes_longer_than_the_task_may_is_left(end: dict[str, Any]) -> None:
    with pytest.raises(TaskFailed, match="not done after") as failed:
        perform(Handler.wait_until_left, **end)
    assert failed.value.retryable and failed.value.timed_out


@pytest.mark.parametrize(("seconds", "left"), [(5, 4.75), (60, 57), (300, 297)])
def test_the_report_takes_a_small_share_of_the_time_of_an_attempt(seconds: int, left: float) -> None:
    assert seconds_without_report(seconds) == left
    tester = FakeTester()
    perform(openai(ANSWER), tester=tester, timeout_seconds=seconds)
    assert 0 < tester.seconds < left


def test_a_refusal_of_the_provider_is_passed_on() -> None:
    with pytest.raises(TaskFailed, match="401") as failed:
        perform(refusal(401))
    assert not failed.value.retryable and "secret" not in str(failed.value)


def test_code_that_is_too_long_for_a_result_is_a_failure() -> None:
    with pytest.raises(TaskFailed, match=str(MAX_CODE_BYTES)):
        perform(openai("```python\n", "x = 'é'\n" * 10_000))


@given(st.lists(st.integers(0, 10**6)))
def test_progress_never_falls(lengths: list[int]) -> None:
    progress = Progress(lambda percent: None)
    seen = []
    for length in lengths:
        progress.wrote(length)
        seen.append(progress.percent)
    assert seen == sorted(seen) and all(0 <= percent <= 80 for percent in seen)


class FixedTester(FakeTester):
    """Reports an outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self._outcome = outcome

    async def test(self, language: str, code: str, caller: list[str], model: list[str], seconds: float) -> Outcome:
        return self._outcome


def test_a_result_fits_into_a_message() -> None:
    failed = [Verdict(f"test {number}", "model", False, "\u00df" * 500) for number in range(100)]
    result, *_ = perform(openai(ANSWER), tester=FixedTester(Outcome(failed, 1, "\u20ac" * 8_000, "a note")))
    assert len(json.dumps(result, ensure_ascii=False).encode()) <= MAX_RESULT_BYTES
    assert (result["tests_passed"], result["tests_total"], len(result["tests"])) == (0, 100, 100)
    assert (result["output"], result["note"]) == ("", f"a note {LEFT_OUT}")
    result, *_ = perform(openai(ANSWER), tester=FixedTester(Outcome(failed[:50], 1, "printed", "a note")))
    assert result["output"] == "printed" and result["tests"][0]["error"]


def test_code_that_fits_into_no_message_ends_the_task() -> None:
    code = "a = '" + "\x01" * 40_000 + "'"
    with pytest.raises(TaskFailed, match="longer than") as failed:
        perform(openai(f"```python\n{code}\n```"))
    assert not failed.value.retryable
