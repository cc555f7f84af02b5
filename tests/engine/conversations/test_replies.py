"""Models answer messages: once each, whatever dies, and nothing fails where there is no model."""

import json
from collections.abc import Iterator

import pytest

from chalicelib import config
from chalicelib.config import settings
from chalicelib.domain.conversations.conversation import Conversation, Message, Role, Status
from chalicelib.domain.tasks.pools import MODELS_POOL
from chalicelib.domain.tasks.task import Task
from chalicelib.engine.conversations import conversations, messages, replies
from chalicelib.engine.conversations.conversations import Change
from chalicelib.engine.models import current_model
from chalicelib.engine.tasks import lifecycle
from tests.engine.conversations.helpers import POOL, begin, reload, require_exact_counters
from tests.simulation.faults import Killed, dying_anywhere
from tests.support.models import PROVIDERS, Models, models
from tests.support.world import ORG, World, new_world


@pytest.fixture
def fake_models(world: World) -> Iterator[Models]:
    with models(world) as found:
        yield found


def add_user_message(conversation: Conversation, content: str, key: str | None = None) -> Message:
    """Add a message that a model is to answer."""

    def also(message: Message) -> list[object]:
        return [replies.job_write(ORG, POOL, message, "ann")]

    return messages.add(ORG, POOL, conversation.id, Role.USER, content, key, also=also)  # type: ignore[arg-type]


def talk(conversation: Conversation) -> list[tuple[str, str]]:
    page = messages.find_page(ORG, POOL, conversation.id, None, 100)
    return [(str(message.role), message.content) for message in page.messages]


def chat_tasks(world: World) -> list[Task]:
    return [task for task in world.tasks() if task.pool == MODELS_POOL]


def test_a_model_answers_a_message_with_one_of_the_assistant(fake_models: Models) -> None:
    conversation = begin()
    add_user_message(conversation, "one two three")
    fake_models.world.settle()
    assert talk(conversation) == [("user", "one two three"), ("assistant", ANSWER)]
    [task] = chat_tasks(fake_models.world)
    assert task.wake_at is None, "it is not due any more"
    add_user_message(conversation, "four")
    fake_models.world.settle()
    asked = fake_models.openai.requests[-1].body["messages"]
    assert [(one["role"], one["content"]) for one in asked][:-1] == talk(conversation)[:2]
    require_exact_counters()


ANSWER = "one two three "


def test_the_context_of_the_conversation_comes_first(fake_models: Models) -> None:
    made = begin()
    conversations.update(ORG, POOL, made.id, Change(context={"framework": "FastAPI"}))
    add_user_message(made, "hello")
    fake_models.world.settle()
    first = fake_models.openai.requests[0].body["messages"][0]
    assert (first["role"], first["content"]) == ("system", 'Context: {"framework":"FastAPI"}')


def test_the_model_gets_what_fits_of_the_latest_messages(fake_models: Models) -> None:
    current_model.switch(ORG, "small")  # 8,192 tokens: 12,288 characters
    conversation = begin()
    for number in range(30):
        messages.add(ORG, POOL, conversation.id, Role.USER, f"{number:02d}" + "x" * 998)
    add_user_message(conversation, "last")
    fake_models.world.settle()
    asked = [one["content"][:2] for one in fake_models.ollama.requests[0].body["messages"]]
    assert asked == [f"{number:02d}" for number in range(18, 30)] + ["la"]


def test_one_message_that_is_too_long_is_asked_alone(fake_models: Models) -> None:
    current_model.switch(ORG, "small")
    made = begin()
    add_user_message(made, "before")
    add_user_message(made, "x" * 30_000)
    fake_models.world.settle()
    assert [len(asked.body["messages"]) for asked in fake_models.ollama.requests] in ([1, 1], [1, 2])


def test_without_a_model_the_message_stays_and_nothing_fails(world: World) -> None:
    conversation = begin()
    for setting in ("", "not json"):
        config.replace(models=setting)
        add_user_message(conversation, "hello")
        world.settle()
    assert talk(conversation) == [("user", "hello")] * 2
    assert chat_tasks(world) == []
    assert not [name for name, held in world.queues.queues.items() if held and "wakeups" in name]


def test_a_reply_to_a_conversation_that_is_gone_or_closed_is_dropped(fake_models: Models) -> None:
    gone, closed = begin(), begin()
    for made in (gone, closed):
        add_user_message(made, "hello")
    while fake_models.world.relay("documents") or fake_models.world.handle("wakeups"):
        pass
    conversations.delete(ORG, POOL, gone.id)
    conversations.update(ORG, POOL, closed.id, Change(status=Status.CLOSED))
    fake_models.world.settle()
    assert talk(closed) == [("user", "hello")]
    assert [task.wake_at for task in chat_tasks(fake_models.world)] == [None, None]
    hear_after = begin()
    conversations.delete(ORG, POOL, hear_after.id)
    fake_models.world.settle()


def test_a_conversation_that_is_deleted_before_it_is_answered_asks_no_model(fake_models: Models) -> None:
    made = begin()
    add_user_message(made, "hello")
    conversations.delete(ORG, POOL, made.id)
    fake_models.world.settle()
    assert (chat_tasks(fake_models.world), fake_models.request_counts["openai"]) == ([], 0)


def test_a_model_that_fails_leaves_the_message(fake_models: Models) -> None:
    config.replace(models=json.dumps(PROVIDERS[:1]))
    fake_models.world.model_servers.clear()
    conversation = begin()
    add_user_message(conversation, "hello")
    fake_models.world.settle()
    fake_models.world.advance(3_600)
    [task] = chat_tasks(fake_models.world)
    assert (task.is_terminal, task.wake_at) == (True, None)
    assert talk(conversation) == [("user", "hello")]


def test_a_job_that_runs_twice_and_after_a_switch_asks_once(fake_models: Models) -> None:
    conversation = begin()
    message = add_user_message(conversation, "hello")
    job = replies.background_jobs.Job(ORG, replies.JOB_KIND, conversation.id, {"pool": POOL, "number": 1, "by": "ann"})
    assert replies.request_reply(job)
    current_model.switch(ORG, "careful")
    assert replies.request_reply(job)
    fake_models.world.settle()
    assert len(chat_tasks(fake_models.world)) == 1
    assert [role for role, _ in talk(conversation)] == ["user", "assistant"]
    assert message.number == 1


def test_a_reply_is_there_once_wherever_something_dies() -> None:
    for number in range(60):
        with new_world(number) as world, models(world):
            conversation = begin()
            died = _die_at(world, conversation, number)
            add_user_message(conversation, "hello", key="event 7")
            world.settle()
            _advance_until_answered(world, conversation)
            assert [role for role, _ in talk(conversation)] == ["user", "assistant"], f"after a death at call {number}"
            assert reload(conversation).message_count == 2
            assert not [task for task in world.tasks() if not task.is_terminal]
        if not died:
            assert number > 10
            return
    raise AssertionError("it makes more calls than were tried")


def _advance_until_answered(world: World, conversation: Conversation) -> None:
    """Let at most twenty minutes pass, and at least one after the answer, in which nothing may come of it."""
    for _ in range(20):
        was_answered = reload(conversation).message_count > 1 and all(task.is_terminal for task in world.tasks())
        world.advance(61)
        if was_answered:
            return


def _die_at(world: World, conversation: Conversation, number: int) -> bool:
    with dying_anywhere(world, number):
        try:
            add_user_message(conversation, "hello", key="event 7")
            world.settle()
        except Killed:
            for name in ("wakeups", "dispatch", "models"):
                world.return_messages(name)
            return True
    return False


def test_a_task_that_ends_twice_adds_one_reply(fake_models: Models) -> None:
    conversation = begin()
    add_user_message(conversation, "hello")
    fake_models.world.settle()
    [task] = chat_tasks(fake_models.world)
    replies.append_reply(task)
    replies.append_reply(lifecycle.get(ORG, task.id))
    assert [role for role, _ in talk(conversation)] == ["user", "assistant"]
    assert settings().models
