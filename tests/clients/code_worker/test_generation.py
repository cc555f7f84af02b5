"""Code from the first model that returns some: fallback, pauses that providers ask for, and useless answers."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from code_worker.models import generation
from code_worker.models.catalog import Model, Provider
from code_worker.models.events import ModelError
from code_worker.models.generation import Generated, Generator

from tests.clients.code_worker.fake_provider import Answer, Handler, openai, openai_events, provider, refusal
from tests.clients.code_worker.fake_provider import Provider as FakeProvider

CODE = "def f():\n    return 1"
GOOD = openai("Here:\n```python\n", CODE, "\n```\n```python\nassert f() == 1\n```\n")
MESSAGES = [{"role": "user", "content": "x"}]


def model(name: str, at: FakeProvider) -> Model:
    return Model(name, Provider(name, "openai", f"{at.url}/v1", ""), name, 100)


def generate(generator: Generator, models: list[Model], emit: Callable[[str], Any]) -> Generated:
    return asyncio.run(generator.generate(models, MESSAGES, "python", emit))


def hang_midway(handler: Handler) -> None:
    handler.begin()
    handler.say(openai_events("```python\ndef half():\n", reason=None, end=False))


def test_the_code_the_tests_and_the_usage_of_an_answer() -> None:
    pieces: list[str] = []
    with provider(GOOD) as found:
        generated = generate(Generator(20), [model("a", found)], pieces.append)
    assert generated == Generated(CODE, ["assert f() == 1"], "a", 7, 9, False)
    assert "".join(pieces) == CODE


@pytest.mark.parametrize("failing", [refusal(500), refusal(401), openai("I cannot."), openai(reason=None, end=False)])
def test_the_next_model_is_asked_when_one_gives_nothing(failing: Answer) -> None:
    pieces: list[str] = []
    with provider(failing) as first, provider(GOOD) as second:
        generated = generate(Generator(20), [model("a", first), model("b", second)], pieces.append)
    assert (generated.model, "".join(pieces), len(first.requests)) == ("b", CODE, 1)


def test_once_code_was_given_out_no_other_model_is_asked() -> None:
    pieces: list[str] = []
    with provider(hang_midway) as first, provider(GOOD) as second:
        with pytest.raises(ModelError, match="middle"):
            generate(Generator(20), [model("a", first), model("b", second)], pieces.append)
        assert (pieces, second.requests) == (["def half():"], [])


def test_a_model_that_failed_lately_is_asked_after_the_others() -> None:
    generator = Generator(20)
    with provider(hang_midway, GOOD) as first, provider(GOOD) as second:
        models = [model("a", first), model("b", second)]
        with pytest.raises(ModelError):
            generate(generator, models, lambda text: None)
        assert generate(generator, models, lambda text: None).model == "b"
        assert generate(generator, models[:1], lambda text: None).model == "a"


def test_all_failures_give_the_last_one() -> None:
    with provider(refusal(500)) as first, provider(refusal(401)) as second:
        with pytest.raises(ModelError, match="401") as raised:
            generate(Generator(20), [model("a", first), model("b", second)], lambda text: None)
        assert not raised.value.retryable


def test_a_provider_that_wants_a_pause_is_left_alone_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "MIN_PAUSE_SECONDS", 0.05)
    with provider(refusal(429, retry_after="0"), GOOD) as found:
        assert generate(Generator(20), [model("a", found)], lambda text: None).code == CODE
        assert len(found.requests) == 2


def test_another_provider_is_asked_meanwhile() -> None:
    generator = Generator(20)
    with provider(refusal(429, retry_after="50")) as first, provider(GOOD) as second:
        models = [model("a", first), model("b", second)]
        for _ in range(3):
            assert generate(generator, models, lambda text: None).model == "b"
        assert len(first.requests) == 1


def test_a_long_pause_is_passed_on_to_yardmaster() -> None:
    generator = Generator(20)
    with provider(refusal(429, retry_after="3600")) as server:
        for _ in range(2):
            with pytest.raises(ModelError, match="fewer requests") as raised:
                generate(generator, [model("a", server)], lambda text: None)
            assert raised.value.retryable and 3590 < (raised.value.retry_after or 0) <= 3600
        assert len(server.requests) == 1


def test_a_provider_that_wants_pauses_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "MIN_PAUSE_SECONDS", 0.01)
    with provider(refusal(429, retry_after="0")) as found, pytest.raises(ModelError, match="429"):
        generate(Generator(20), [model("a", found)], lambda text: None)


def test_an_answer_at_the_limit_of_tokens_says_so() -> None:
    with provider(openai("```python\n", CODE, reason="length")) as found:
        assert generate(Generator(20), [model("a", found)], lambda text: None).is_cut
