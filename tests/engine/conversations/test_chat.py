"""Chat: a message is kept before a model is asked, answered once, and the answer kept."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from chalicelib.domain.conversations.conversation import Role
from chalicelib.engine.conversations import chat, conversations, messages
from chalicelib.engine.conversations.chat import Answer, Question
from chalicelib.engine.models import current_model
from chalicelib.engine.usage import ledger
from chalicelib.errors import IdempotencyMismatch, InvalidRequest, NotConfigured, NotFound, TimedOut, Unavailable
from tests.engine.conversations.helpers import POOL, require_exact_counters, stored_conversations
from tests.simulation.faults import Killed, dying_anywhere
from tests.support import aws
from tests.support.model_servers import KEY, OpenAiServer
from tests.support.models import OPENAI_HOST, Models, models
from tests.support.world import ORG, World

CHAT_CALLS, MODEL_CALLS = 4, 4


@pytest.fixture
def fake_models(world: World) -> Iterator[Models]:
    with models(world) as found:
        yield found


def ask(content: str = "hello", conversation_id: str | None = None, **more: str | None) -> Answer:
    return chat.answer(ORG, POOL, "ann", Question(content, conversation_id, **more))  # type: ignore[arg-type]


def talk(conversation_id: str) -> list[tuple[str, str]]:
    page = messages.find_page(ORG, POOL, conversation_id, None, 100)
    return [(str(message.role), message.content) for message in page.messages]


def test_a_question_waits_for_a_free_call_of_its_provider(fake_models: Models) -> None:
    with fake_models.all_calls_taken(seconds=15):
        assert ask("one two").message.content == "one two "
    with fake_models.all_calls_taken(seconds=60), pytest.raises(Unavailable, match="is busy"):
        ask("three")


def test_a_message_begins_a_conversation_and_goes_on(fake_models: Models) -> None:
    first = ask("one two")
    assert (first.message.content, first.message.role, first.model, first.tokens) == (
        "one two ",
        Role.ASSISTANT,
        "clever",
        4,
    )
    place = first.message.conversation_id
    second = ask("three", place, model="small")
    assert second.model == "small"
    assert talk(place) == [("user", "one two"), ("assistant", "one two "), ("user", "three"), ("assistant", "three ")]
    said = [(one["role"], one["content"]) for one in fake_models.ollama.requests[0].body["messages"]]
    assert said == talk(place)[:3]
    assert conversations.get(ORG, POOL, place).conversation.title == "one two"
    require_exact_counters()


@pytest.mark.parametrize("begins", [True, False])
def test_it_costs_four_calls_beside_those_of_the_model(fake_models: Models, begins: bool) -> None:
    place = ask().message.conversation_id
    with aws.counting() as calls:
        ask("more", None if begins else place)
    assert calls.total() <= CHAT_CALLS + MODEL_CALLS


def test_it_costs_the_same_in_a_long_conversation(fake_models: Models) -> None:
    place = ask().message.conversation_id
    for number in range(150):
        messages.add(ORG, POOL, place, Role.USER, f"message {number}")
    with aws.counting() as calls:
        ask("more", place)
    assert calls.total() <= CHAT_CALLS + MODEL_CALLS
    assert len(fake_models.openai.requests[-1].body["messages"]) == 20


def test_the_message_is_kept_when_the_model_is_silent_or_fails(fake_models: Models) -> None:
    fake_models.openai.mode = "hang"
    with pytest.raises(TimedOut, match=r"within 25 seconds. Your message is kept in conversation conv_") as silent:
        ask("silent")
    [place] = [one.id for one in stored_conversations()]
    assert place in str(silent.value)
    fake_models.openai.mode = "broken"
    with pytest.raises(Unavailable, match=r"gave no complete answer. Your message is kept in"):
        ask("broken", place)
    fake_models.openai.modes, fake_models.openai.mode = ["rate limited"], "good"
    assert ask("busy", place).message.content == "busy ", "a pause of seven seconds is waited for"
    assert talk(place) == [("user", "silent"), ("user", "broken"), ("user", "busy"), ("assistant", "busy ")]


def test_a_busy_provider_says_when_another_try_is_worth_it(fake_models: Models) -> None:
    fake_models.openai.mode = "rate limited"
    with pytest.raises(Unavailable, match="provider is busy") as busy:
        ask()
    assert busy.value.retry_after == 7


def test_a_refused_key_and_an_empty_answer_are_no_answer_and_tell_nothing_of_the_provider(fake_models: Models) -> None:
    fake_models.openai.key = "another"
    with pytest.raises(Unavailable, match=r"does not accept the key. Your message is kept") as refused:
        ask()
    assert "another" not in str(refused.value)
    fake_models.anthropic.text = ""
    with pytest.raises(Unavailable, match="answered nothing"):
        ask(model="careful")


def test_an_unknown_model_a_missing_conversation_and_no_model_keep_nothing(fake_models: Models) -> None:
    with pytest.raises(InvalidRequest, match="there is no model 'gpt-9'"):
        ask(model="gpt-9")
    with pytest.raises(NotFound):
        ask("hello", "conv_00000001_nowhere")
    assert stored_conversations() == []


def test_without_a_configured_model_nothing_is_kept(world: World) -> None:
    with pytest.raises(NotConfigured, match="set MODELS"):
        ask()
    assert stored_conversations() == []


@pytest.mark.parametrize("begins", [True, False])
def test_a_repeated_question_is_kept_and_answered_once(fake_models: Models, begins: bool) -> None:
    place = None if begins else ask("before").message.conversation_id
    fake_models.openai.mode = "hang"
    with pytest.raises(TimedOut):
        ask("once", place, key="k")
    fake_models.openai.mode = "good"
    first, again = ask("once", place, key="k"), ask("once", place, key="k")
    assert again == Answer(first.message, None, None)
    with pytest.raises(IdempotencyMismatch):
        ask("other", place, key="k")
    assert talk(first.message.conversation_id)[-2:] == [("user", "once"), ("assistant", "once ")]
    assert [message for _, message in talk(first.message.conversation_id)].count("once") == 1
    require_exact_counters()


def test_of_two_answers_to_one_question_the_first_stays(fake_models: Models) -> None:
    place = ask("before").message.conversation_id

    class Slow(OpenAiServer):
        def answer(self, said: Any, *, usage: bool) -> Iterator[bytes]:
            messages.add(ORG, POOL, place, Role.ASSISTANT, "quick", "answer:3")
            yield from super().answer(said, usage=usage)

    fake_models.world.model_servers[OPENAI_HOST] = Slow(key=KEY)
    assert ask("once", place, key="k").message.content == "quick"
    assert talk(place)[-2:] == [("user", "once"), ("assistant", "quick")]


def test_the_org_s_model_and_parameters_are_used_and_counted(fake_models: Models) -> None:
    current_model.switch(ORG, "small", temperature=0.1)
    assert ask().model == "small"
    assert fake_models.ollama.requests[0].body["options"]["temperature"] == 0.1
    [row] = ledger.read_models(ORG, ledger.today(), ledger.today())
    assert (row.model, row.usage.calls) == ("small", 1)


@pytest.mark.parametrize("place", range(8))
def test_whoever_dies_anywhere_and_repeats_is_answered_once(fake_models: Models, place: int) -> None:
    with dying_anywhere(fake_models.world, place), suppress(Killed):
        ask("once", key="k")
    answer = ask("once", key="k")
    assert talk(answer.message.conversation_id) == [("user", "once"), ("assistant", "once ")]
    assert len(stored_conversations()) == 1
