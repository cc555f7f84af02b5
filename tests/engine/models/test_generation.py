"""Texts by a model: retries, fallback models in order, one deadline for all, and usage that is counted once."""

import json
from contextlib import ExitStack
from typing import Any

import pytest

from chalicelib import clock, config
from chalicelib.domain.models.chat import (
    CredentialRefused,
    Delta,
    Done,
    Message,
    ModelFailure,
    ModelInstalling,
    ProviderBusy,
    ProviderTimedOut,
    RequestRefused,
)
from chalicelib.domain.usage import Usage, total_usage
from chalicelib.engine.models import current_model, generation, metering, provider_calls
from chalicelib.engine.models.generation import NO_PATIENCE, Ask, Beginning, Generated, Patience
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.usage import ledger
from chalicelib.errors import InvalidRequest, NotConfigured, Unavailable
from chalicelib.providers import extras
from chalicelib.providers.extras import Extra, ExtraState
from tests.engine.models.conftest import Store
from tests.support import aws
from tests.support.log import Log, logging_to
from tests.support.model_servers import KEY, RETRY_AFTER_S, Mode
from tests.support.models import MODELS, PROVIDERS, Models
from tests.support.world import ORG, World

MESSAGES = (Message("user", "one two three"),)
TEXT = "one two three "


def generate(patience: Patience = NO_PATIENCE, **asked: Any) -> Generated:
    return generation.generate(ORG, Ask(**({"messages": MESSAGES} | asked)), patience)


def failure(**asked: Any) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        generate(**asked)
    return caught.value


def usage(model: str | None = None, org: str = ORG) -> Usage:
    rows = ledger.read_models(org, "2026-01-01", "2026-12-31")
    return total_usage(row for row in rows if model in (None, row.model))


def test_the_org_s_model_answers_with_its_parameters(fake_models: Models) -> None:
    current_model.switch(ORG, "fast", temperature=0.1, top_p=0.2)
    assert generate() == Generated(TEXT, "fast", "openai", "stop", 3, 3)
    said = fake_models.openai.requests[0].body
    assert (said["model"], said["temperature"], said["top_p"], said["max_tokens"]) == ("fast-2026", 0.1, 0.2, 1024)


def test_the_ask_may_choose_for_itself(fake_models: Models) -> None:
    assert generate(model="careful", temperature=0.0, max_tokens=7).model == "careful"
    said = fake_models.anthropic.requests[0].body
    assert (said["temperature"], said["max_tokens"]) == (0.0, 7)


def test_a_model_that_writes_at_most_so_much_is_asked_for_no_more(fake_models: Models) -> None:
    limited = [PROVIDERS[0] | {"models": [PROVIDERS[0]["models"][0] | {"max_output_tokens": 50}]}]
    config.replace(models=json.dumps(limited))
    generate(max_tokens=500)
    generate(max_tokens=5)
    assert [asked.body["max_tokens"] for asked in fake_models.openai.requests] == [50, 5]


def test_what_a_call_takes_is_counted_with_its_price(fake_models: Models) -> None:
    generate(model="clever")
    generate(model="careful")
    assert usage("clever") == Usage(calls=1, tokens_in=3, tokens_out=3, microdollars=3 * 2 + 3 * 10)
    assert usage("careful") == Usage(calls=1, tokens_in=3, tokens_out=3, unpriced=1)


# Failures that may pass


@pytest.mark.parametrize("mode", ["broken", "midway", "garbage", "hang", "overloaded", "error midway"])
def test_a_failure_that_may_pass_is_tried_again_and_nothing_of_it_is_in_the_text(
    mode: Mode, fake_models: Models
) -> None:
    fake_models.openai.modes = [mode, mode]
    assert generate() == Generated(TEXT, "clever", "openai", "stop", 3, 3)
    assert fake_models.request_counts["openai"] == 3
    assert (usage().calls, usage().failures) == (1, 2)


def test_a_model_is_tried_three_times_and_its_failure_is_reported(fake_models: Models) -> None:
    fake_models.openai.mode = "broken"
    assert str(failure()) == "Internal server error"
    assert fake_models.request_counts == {"openai": 3, "anthropic": 0, "ollama": 0}


def test_a_provider_s_pause_is_waited_for_if_it_is_short(fake_models: Models) -> None:
    fake_models.openai.modes = ["rate limited"]
    before = clock.now()
    assert generate().text == TEXT
    assert clock.now() - before == RETRY_AFTER_S * 1000


def test_a_pause_that_outlasts_the_deadline_is_left_to_the_caller(fake_models: Models) -> None:
    fake_models.openai.modes = ["rate limited"]
    refused = failure(timeout_seconds=RETRY_AFTER_S)
    assert (type(refused), refused.rest_ms) == (ProviderBusy, RETRY_AFTER_S * 1000)
    assert fake_models.request_counts["openai"] == 1


def test_nobody_calls_a_provider_that_asked_for_a_pause(fake_models: Models) -> None:
    fake_models.openai.modes = ["rate limited"]
    failure(timeout_seconds=3)
    refused = failure(model="fast", timeout_seconds=3)
    assert str(refused) == "the provider asked for a pause"
    assert refused.rest_ms == RETRY_AFTER_S * 1000
    assert fake_models.request_counts["openai"] == 1
    with pytest.raises(ProviderBusy):
        generation.generate("other", Ask(messages=MESSAGES, timeout_seconds=3))
    assert usage().failures == 1, "what was not called did not fail"
    fake_models.world.clock.advance(RETRY_AFTER_S)
    assert generate().text == TEXT


# Further models


def test_further_models_are_tried_in_their_order(fake_models: Models) -> None:
    fake_models.openai.mode, fake_models.anthropic.mode = "broken", "broken"
    answered = generate(fallback=("careful", "small"))
    assert (answered.model, answered.provider, answered.text) == ("small", "ollama", TEXT)
    assert fake_models.request_counts == {"openai": 3, "anthropic": 3, "ollama": 1}


def test_a_failure_that_will_not_pass_goes_to_the_next_model_at_once(fake_models: Models) -> None:
    fake_models.openai.key = "another"
    before = clock.now()
    assert generate(fallback=("careful",)).model == "careful"
    assert (fake_models.request_counts["openai"], clock.now()) == (1, before)
    assert type(failure()) is CredentialRefused


def test_a_pause_is_not_waited_for_where_another_model_can_answer(fake_models: Models) -> None:
    fake_models.openai.mode = "rate limited"
    before = clock.now()
    assert generate(fallback=("careful",)).model == "careful"
    assert (fake_models.request_counts["openai"], clock.now()) == (1, before)


def test_the_failure_of_the_last_model_is_reported(fake_models: Models) -> None:
    fake_models.openai.mode = "broken"
    fake_models.ollama.models = ("other",)
    refused = failure(fallback=("small",))
    assert (type(refused), str(refused)) == (RequestRefused, "model 'small' not found")


def test_a_model_that_is_named_twice_is_tried_once(fake_models: Models) -> None:
    fake_models.openai.key = "another"
    failure(model="clever", fallback=("clever", "clever"))
    assert fake_models.request_counts["openai"] == 1


@pytest.mark.parametrize(("asked", "field"), [({"model": "gpt-9"}, "model"), ({"fallback": ("gpt-9",)}, "fallback")])
def test_an_unknown_model_is_refused_before_anything_is_asked(asked: Any, field: str, fake_models: Models) -> None:
    with pytest.raises(InvalidRequest, match=f"{field}: there is no model 'gpt-9': known are clever"):
        generate(**asked)
    assert set(fake_models.request_counts.values()) == {0}


def test_without_models_the_setting_is_named(world: World) -> None:
    with pytest.raises(NotConfigured, match="set MODELS"):
        generate()


# Time


def test_one_deadline_bounds_all_tries(fake_models: Models) -> None:
    fake_models.openai.mode = "broken"
    before = clock.now()
    failure(timeout_seconds=1.2)
    assert clock.now() - before < 1200
    assert fake_models.request_counts["openai"] < 3


def test_without_time_nothing_is_asked(fake_models: Models) -> None:
    assert "no time left" in str(failure(timeout_seconds=0.5))
    assert fake_models.request_counts["openai"] == 0


# Concurrency


def hold(stack: ExitStack, number: int, scope: str = provider_calls.SHARED) -> None:
    for _ in range(number):
        assert stack.enter_context(long_call_slots.hold_slot(scope, "model:openai", 10, provider_calls.MAX_SECONDS))


def test_as_many_calls_run_as_the_provider_may_have(fake_models: Models) -> None:
    with ExitStack() as stack:
        hold(stack, 10)
        refused = failure(timeout_seconds=1.5)
        assert (type(refused), str(refused)) == (ProviderBusy, "10 calls are running, which is its limit")
        assert fake_models.request_counts["openai"] == 0
        assert generate(fallback=("small",)).model == "small"
    assert generate().model == "clever"


def test_a_caller_may_wait_for_a_slot_for_as_long_as_there_is_time(fake_models: Models) -> None:
    patient = Patience(waits_for_slot=True)
    with fake_models.all_calls_taken(seconds=8):
        assert type(failure(timeout_seconds=3)) is ProviderBusy
        assert type(failure(timeout_seconds=3, patience=patient)) is ProviderBusy
        assert fake_models.request_counts["openai"] == 0
        assert generate(timeout_seconds=20, patience=patient).text == TEXT


def test_what_waits_for_a_slot_is_tried_as_often_as_any_other(fake_models: Models) -> None:
    fake_models.openai.mode = "broken"
    failure(patience=Patience(waits_for_slot=True))
    assert fake_models.request_counts["openai"] == 3


# A part of an answer


@pytest.mark.parametrize(("model", "provider"), [("clever", "openai"), ("careful", "anthropic"), ("small", "ollama")])
def test_what_is_written_when_the_time_is_over_may_be_the_answer(
    fake_models: Models, model: str, provider: str
) -> None:
    getattr(fake_models, provider).mode = "slow"
    answered = generate(model=model, timeout_seconds=20, patience=Patience(accepts_part=True))
    assert answered == Generated("one two ", model, provider, "length", None, None)
    assert fake_models.request_counts[provider] == 1
    assert (usage().calls, usage().failures) == (1, 0)
    assert type(failure(model=model, timeout_seconds=20)) is ProviderTimedOut


def test_a_part_is_no_answer_while_there_is_time_for_all_of_it(fake_models: Models) -> None:
    fake_models.openai.modes = ["hang", "midway"]
    assert generate(patience=Patience(accepts_part=True)).text == TEXT
    fake_models.openai.mode = "silent"
    assert type(failure(timeout_seconds=20, patience=Patience(accepts_part=True))) is ProviderTimedOut


def test_nothing_is_no_part_of_an_answer(fake_models: Models) -> None:
    fake_models.openai.text, fake_models.openai.mode = "", "slow"
    assert type(failure(timeout_seconds=20, patience=Patience(accepts_part=True))) is ProviderTimedOut
    assert usage().failures == 1


def test_a_call_gives_its_place_back_however_it_ends(fake_models: Models) -> None:
    fake_models.openai.modes = ["midway", "broken", "good"]
    generate()
    steps = generation.stream(ORG, Ask(messages=MESSAGES))
    assert [next(steps), next(steps)] == [Beginning("clever", "openai"), Delta("one ")]
    steps.close()  # type: ignore[attr-defined]
    with ExitStack() as stack:
        hold(stack, 10)


def test_an_org_with_a_key_of_its_own_has_its_own_places_and_pauses(store: Store, world: World) -> None:
    config.replace(models=MODELS)
    store(f"models/{ORG}", json.dumps({"openai": "sk-own-0123456789"}))
    world.model_servers["openai.example"] = server = Models(world).openai
    server.key = ""
    with ExitStack() as stack:
        hold(stack, 10)
        assert generate().model == "clever"
    assert server.requests[0].headers["authorization"] == "Bearer sk-own-0123456789"
    server.modes = ["rate limited"]
    failure(timeout_seconds=3)
    assert generation.generate("other", Ask(messages=MESSAGES)).model == "clever"
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


class Installing:
    """A source in which every extra is being installed."""

    def state(self, extra: Extra) -> ExtraState:
        return ExtraState("installing")


def test_a_model_that_is_being_installed_is_busy(fake_models: Models) -> None:
    config.replace(models=json.dumps([PROVIDERS[0] | {"extra": "model"}]))
    before = extras.use(Installing())
    try:
        with logging_to(Log()) as log:
            refused = failure(timeout_seconds=60)
    finally:
        extras.use(before)
    assert (type(refused), str(refused), refused.rest_ms) == (ModelInstalling, "the model is being installed", 5000)
    assert log.text.count("A model was not called") == 1
    assert '"level":"WARNING"' not in log.text
    assert fake_models.request_counts["openai"] == 0


def test_a_model_without_its_key_is_not_called(fake_models: Models) -> None:
    config.replace(models=json.dumps([PROVIDERS[1] | {"key": ""}]))
    assert type(failure()) is CredentialRefused
    assert (fake_models.request_counts["anthropic"], usage().failures) == (0, 0)


# Streams


def test_a_stream_says_when_a_model_begins_again(fake_models: Models) -> None:
    fake_models.openai.modes = ["midway"]
    steps = list(generation.stream(ORG, Ask(messages=(Message("user", "a b"),))))
    begun = Beginning("clever", "openai")
    assert steps == [begun, Delta("a "), begun, Delta("a "), Delta("b "), Done("stop", 2, 2)]


def test_a_caller_that_leaves_early_is_counted_as_an_unknown_amount(fake_models: Models) -> None:
    steps = generation.stream(ORG, Ask(messages=MESSAGES))
    assert [next(steps) for _ in range(2)][1] == Delta("one ")
    steps.close()  # type: ignore[attr-defined]
    assert usage() == Usage(calls=1, uncounted=1, unpriced=1)


def test_a_caller_that_leaves_at_the_end_is_counted_as_what_it_took(fake_models: Models) -> None:
    steps = generation.stream(ORG, Ask(messages=MESSAGES))
    while not isinstance(next(steps), Done):
        pass
    steps.close()  # type: ignore[attr-defined]
    assert usage() == Usage(calls=1, tokens_in=3, tokens_out=3, microdollars=36)


# Counting


def test_an_answer_is_given_though_it_cannot_be_counted(fake_models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Unavailable("busy")

    monkeypatch.setattr(ledger, "record", fail)
    monkeypatch.setattr(ledger, "record_failure", fail)
    fake_models.openai.modes = ["broken"]
    with logging_to(Log()) as log:
        assert generate().text == TEXT
    assert "A call of a model is not counted" in log.text
    assert "A failed call of a model is not counted" in log.text
    assert '"tokens_in":3' in log.text


def test_no_text_and_no_key_is_in_the_log(fake_models: Models) -> None:
    fake_models.openai.key = "another"
    with logging_to(Log()) as log:
        failure(messages=(Message("user", "a secret of mine"),))
    assert "A call of a model failed" in log.text
    assert "secret" not in log.text.replace("CredentialRefused", "")
    assert KEY not in log.text


def test_what_others_did_with_a_model_is_counted_with_its_price(fake_models: Models) -> None:
    assert metering.record(ORG, "task_1:1", "clever", 10, 1)
    assert not metering.record(ORG, "task_1:1", "clever", 10, 1)
    assert metering.record(ORG, "task_2:1", "a-model-of-the-worker", 10, 1)
    assert usage("clever").microdollars == 30
    assert usage("a-model-of-the-worker") == Usage(calls=1, tokens_in=10, tokens_out=1, unpriced=1)


def test_what_others_did_is_counted_where_no_model_is_configured(world: World) -> None:
    config.replace(models="{")
    assert metering.record(ORG, "task_1:1", "clever", 10, 1)
    assert usage().unpriced == 1


def test_a_generation_keeps_to_its_budget(fake_models: Models) -> None:
    generate()
    with aws.counting() as calls:
        generate()
    assert calls.total() == 4
    fake_models.openai.modes = ["rate limited"]
    with aws.counting() as calls:
        generate(fallback=("small",))
    assert calls.total() == 1 + 2 + 1 + 1 + 2 + 1, "choice; slot, rest, failure; slot, count"
