"""Chat tasks: calls of models as tasks of the engine, with a queue of their own."""

from contextlib import ExitStack
from typing import Any

import pytest

from chalicelib import clock, config
from chalicelib.config import settings
from chalicelib.domain.models.chat import Message
from chalicelib.domain.tasks.pools import MODELS_POOL
from chalicelib.domain.tasks.task import ConcurrencyLimit, Status, Task
from chalicelib.domain.tasks.worker import BUILT_IN
from chalicelib.domain.usage import total_usage
from chalicelib.engine.models import catalogue, chat_performer, chat_tasks, current_model, provider_calls
from chalicelib.engine.models.generation import Ask
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.usage import ledger
from chalicelib.errors import IdempotencyMismatch, InvalidRequest, NotConfigured
from chalicelib.storage.workers import workers as worker_storage
from tests.support import aws
from tests.support.log import Log, logging_to
from tests.support.model_servers import RETRY_AFTER_S
from tests.support.models import Models
from tests.support.world import ORG, World

MESSAGES = (Message("system", "Be brief."), Message("user", "one two"))
ANSWER = {"text": "one two ", "model": "clever", "provider": "openai", "reason": "stop"}
COUNTS = {"tokens_in": 4, "tokens_out": 2}


def submit(**asked: Any) -> Task:
    return chat_tasks.submit(ORG, "dev", Ask(**({"messages": MESSAGES} | asked)), api="studio")


def settle_task(fake_models: Models, task: Task, seconds: float = 0) -> Task:
    fake_models.world.settle()
    if seconds:
        fake_models.world.advance(seconds)
    return lifecycle.get(ORG, task.id)


def count_calls_of_models() -> int:
    return total_usage(ledger.read_models(ORG, "2026-01-01", "2026-12-31")).calls


def test_a_chat_task_has_the_model_s_answer_as_its_result(fake_models: Models) -> None:
    done = settle_task(fake_models, submit())
    assert (done.status, done.worker_id, done.attempts, done.result) == (Status.COMPLETED, BUILT_IN, 0, ANSWER | COUNTS)
    assert count_calls_of_models() == 1


def test_its_handover_goes_to_the_queue_of_the_models(fake_models: Models) -> None:
    submit()
    while not fake_models.world.queues.visible(settings().models_queue):
        assert fake_models.world.relay("tasks") or fake_models.world.handle("dispatch")
    assert not fake_models.world.queues.visible(settings().perform_queue)


def test_the_model_is_that_of_the_submission_and_not_of_a_later_switch(fake_models: Models) -> None:
    task = submit()
    current_model.switch(ORG, "small")
    assert settle_task(fake_models, task).result["model"] == "clever"


def test_an_unknown_model_is_refused_at_once(fake_models: Models) -> None:
    for asked in ({"model": "gpt-9"}, {"fallback": ("gpt-9",)}):
        with pytest.raises(InvalidRequest, match="there is no model 'gpt-9'"):
            submit(**asked)
    assert fake_models.world.tasks() == []


def test_without_models_the_setting_is_named(world: World) -> None:
    with pytest.raises(NotConfigured, match="set MODELS"):
        submit()


def test_the_same_key_is_the_same_task(fake_models: Models) -> None:
    ask = Ask(messages=MESSAGES)
    first, second = (chat_tasks.submit(ORG, "dev", ask, api="studio", idempotency_key="k") for _ in range(2))
    assert first.id == second.id
    with pytest.raises(IdempotencyMismatch):
        chat_tasks.submit(ORG, "dev", Ask(messages=MESSAGES[1:]), api="studio", idempotency_key="k")


def test_a_failure_that_may_pass_is_retried_as_the_provider_asks(fake_models: Models) -> None:
    fake_models.openai.modes = ["rate limited", "rate limited", "rate limited"]
    task = submit(timeout_seconds=2)
    waiting = settle_task(fake_models, task)
    assert (waiting.status, waiting.attempts) == (Status.PENDING, 1)
    assert waiting.run_at is not None and waiting.run_at >= clock.now() + RETRY_AFTER_S * 1000
    assert settle_task(fake_models, task, 300).status is Status.COMPLETED


def test_a_failure_that_will_not_pass_ends_the_task_with_the_provider_s_words(fake_models: Models) -> None:
    fake_models.openai.models = ("other",)
    failed = settle_task(fake_models, submit())
    assert (failed.status, failed.error["message"]) == (Status.FAILED, "model 'clever-2026' not found")
    assert fake_models.request_counts["openai"] == 1


def test_a_model_that_is_gone_when_its_turn_comes_ends_the_task(fake_models: Models) -> None:
    task = submit(model="small")
    config.replace(models="[]")
    failed = settle_task(fake_models, task)
    assert (failed.status, failed.error["message"]) == (Status.FAILED, "No language model is configured: set MODELS.")


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({}, "messages is required"),
        ({"messages": []}, "messages must have at least 1 item after validation, not 0"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages must be 'system', 'user' or 'assistant'"),
        ({"messages": [{"role": "user"}]}, "messages must have content"),
        ({"messages": [7]}, "messages must be an object"),
        ({"messages": "x"}, "messages must be a valid list"),
        (7, "must be an object"),
    ],
)
def test_a_payload_that_is_no_chat_ends_the_task(payload: Any, problem: str, fake_models: Models) -> None:
    task = fake_models.world.submit(pool=MODELS_POOL, type="chat", capabilities=("chat",), payload=payload)
    failed = settle_task(fake_models, task)
    assert (failed.status, failed.error["message"]) == (Status.FAILED, f"The data is not what chat needs: {problem}")


def test_a_task_waits_without_counting_attempts_while_no_call_is_free(fake_models: Models) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(
                long_call_slots.hold_slot(provider_calls.SHARED, "model:openai", 10, provider_calls.MAX_SECONDS)
            )
        task = submit(timeout_seconds=1.5)
        waiting = settle_task(fake_models, task, 60)
        assert (waiting.status, waiting.attempts, fake_models.request_counts["openai"]) == (Status.PENDING, 0, 0)
    assert settle_task(fake_models, task, 60).status is Status.COMPLETED


def test_a_provider_that_asked_for_a_long_pause_is_looked_at_again_before_its_end(fake_models: Models) -> None:
    """Its owner may have raised the limits, or another model may now be first."""
    long_call_slots.rest(provider_calls.SHARED, "model:openai", 600_000)
    settle_task(fake_models, submit())
    worker = worker_storage.find(ORG, MODELS_POOL, BUILT_IN)
    assert worker is not None
    assert worker.rest_until == clock.now() + chat_performer.MAX_REST_MS


def test_a_model_that_is_being_installed_is_rarely_looked_at(
    fake_models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "model_status", lambda _: "installing")
    with logging_to(Log()) as log:
        waiting = settle_task(fake_models, submit())
    worker = worker_storage.find(ORG, MODELS_POOL, BUILT_IN)
    assert worker is not None
    assert (waiting.attempts, worker.rest_until) == (0, clock.now() + chat_performer.MAX_REST_MS)
    assert log.text.count("A model was not called") == 1


def test_tasks_of_one_provider_wait_for_one_another(fake_models: Models) -> None:
    assert submit().concurrency_limit == ConcurrencyLimit("provider:openai", 10)
    assert submit(model="small").concurrency_limit == ConcurrencyLimit("provider:ollama", 10)


def lease_task(fake_models: Models) -> Any:
    """The handover message of a chat task, as a run of the function receives it."""
    submit()
    while not fake_models.world.queues.visible(settings().models_queue):
        assert fake_models.world.relay("tasks") or fake_models.world.handle("dispatch")
    return fake_models.world.queues.receive(settings().models_queue, 1)


def test_a_message_that_comes_twice_calls_the_model_once(fake_models: Models) -> None:
    batch = lease_task(fake_models)
    for _ in range(2):
        fake_models.world.run("models", batch)
    assert (fake_models.request_counts["openai"], count_calls_of_models()) == (1, 1)


def test_a_message_that_comes_again_while_the_model_answers_calls_nobody(
    fake_models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = lease_task(fake_models)
    respond = fake_models.openai.respond

    def run_again_and_respond(*arguments: Any) -> Any:
        monkeypatch.setattr(fake_models.openai, "respond", respond)
        fake_models.world.run("models", batch)
        return respond(*arguments)

    monkeypatch.setattr(fake_models.openai, "respond", run_again_and_respond)
    fake_models.world.run("models", batch)
    assert (fake_models.request_counts["openai"], count_calls_of_models()) == (1, 1)


def test_a_run_that_died_is_made_up_for_when_its_attempt_s_time_is_over(
    fake_models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = lease_task(fake_models)

    class Death(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Death

    monkeypatch.setattr(fake_models.openai, "respond", die)
    with pytest.raises(Death):
        fake_models.world.run("models", batch)
    monkeypatch.undo()
    fake_models.world.return_messages("models")
    [task] = fake_models.world.tasks()
    assert settle_task(fake_models, task).status is Status.RUNNING
    ended = settle_task(fake_models, task, 120 + chat_tasks.MARGIN_SECONDS + 60)
    assert (ended.status, ended.attempts, fake_models.request_counts["openai"]) == (Status.COMPLETED, 1, 1)


def test_a_task_that_is_cancelled_meanwhile_stays_so(fake_models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = lease_task(fake_models)
    [task] = fake_models.world.tasks()
    respond = fake_models.openai.respond

    def cancel_and_respond(*arguments: Any) -> Any:
        lifecycle.cancel(ORG, task.id)
        return respond(*arguments)

    monkeypatch.setattr(fake_models.openai, "respond", cancel_and_respond)
    fake_models.world.run("models", batch)
    assert lifecycle.get(ORG, task.id).status is Status.CANCELLED
    assert count_calls_of_models() == 1, "it is paid for"


def test_the_log_tells_its_life_and_nothing_that_was_said(fake_models: Models) -> None:
    with logging_to(Log()) as log:
        task = submit()
        settle_task(fake_models, task)
    assert [line["message"] for line in log.story(task.id)][-1] == "Task ended"
    assert "one two" not in log.text and "brief" not in log.text


def test_a_chat_task_keeps_to_its_budget(fake_models: Models) -> None:
    settle_task(fake_models, submit())
    with aws.counting() as counted:
        submit(model="clever")
    assert counted.total() == 1
    batch_calls = lease_task(fake_models)
    with aws.counting() as counted:
        fake_models.world.run("models", batch_calls)
    assert counted.total() == 1 + 2 + 4 + 2, "task; start; choice, slot, count; end"
