"""Each event of another system takes effect once: as a message, a code task or a result."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.chunks.chunk import Chunk
from chalicelib.domain.conversations.conversation import Status
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.engine import code_tasks, hook_events
from chalicelib.engine.chunks import chunks, output_stream
from chalicelib.engine.conversations import conversations, current_conversations, messages
from chalicelib.engine.conversations.conversations import Change
from chalicelib.engine.hook_events import Execution, IncomingMessage
from chalicelib.engine.tasks import lifecycle
from chalicelib.errors import Conflict, IdempotencyMismatch, InvalidRequest, LeaseLost, NotFound
from chalicelib.storage.aws import dynamodb
from tests.apis.codeserver import tasks
from tests.engine.helpers import run_together
from tests.simulation.faults import Killed, dying_anywhere
from tests.support import aws
from tests.support.world import ORG, World, new_world

POOL = "codeserver"
WELL, BADLY = Execution("Hello, World!", 0), Execution("Traceback", 1)


def incoming_message(text: str = "hello", **fields: Any) -> IncomingMessage:
    return IncomingMessage(**({"hook": "chat", "user_id": "ann", "text": text, "thread": "t1"} | fields))


def receive(text: str = "hello", **fields: Any) -> str:
    """Receive the message, and return its conversation."""
    return hook_events.receive_message(ORG, POOL, incoming_message(text, **fields), "dev").conversation_id


def contents(conversation_id: str) -> list[str]:
    return [message.content for message in messages.find_page(ORG, POOL, conversation_id, None, 100).messages]


def test_a_thread_is_one_conversation_that_the_first_message_creates(world: World) -> None:
    ids = {receive("Generate a\n REST API " + "x" * 99, thread="t1"), receive("two", thread="t1")}
    assert len(ids) == 1
    assert receive("hello", thread="t2") not in ids
    assert receive("hello", hook="other", thread="t1") not in ids
    conversation = conversations.get(ORG, POOL, ids.pop()).conversation
    assert conversation.title == "Generate a REST API " + "x" * 39 + "…"
    assert (conversation.user_id, conversation.message_count) == ("ann", 2)


def test_many_first_messages_at_once_create_one_conversation(world: World) -> None:
    made = run_together([lambda number=number: receive(str(number)) for number in range(8)])
    assert len(set(made)) == 1
    assert sorted(contents(made[0])) == [*"01234567"]


def test_an_event_with_an_id_is_one_message_however_often_it_comes(world: World) -> None:
    [conversation] = set(run_together([lambda: receive(event_id="7")] * 6))
    world.clock.advance(3_600)
    receive(event_id="7")
    receive(event_id="8")
    assert contents(conversation) == ["hello", "hello"]
    with pytest.raises(IdempotencyMismatch):
        receive("other", event_id="7")


def test_without_an_id_the_same_words_soon_again_are_a_repetition(world: World) -> None:
    [conversation] = set(run_together([receive] * 6))
    world.clock.advance(10)
    receive()
    assert contents(conversation) == ["hello", "hello"]


def test_a_conversation_of_this_api_can_be_named_and_another_name_is_a_thread(world: World) -> None:
    own = receive()
    assert receive("more", conversation_id=own, thread="t9") == own
    theirs = receive("x", conversation_id="conv-of-the-cockpit")
    assert theirs != own
    assert receive("y", conversation_id="conv-of-the-cockpit") == theirs
    foreign = hook_events.receive_message("umbra", POOL, incoming_message(), "dev").conversation_id
    assert receive("z", conversation_id=foreign) not in (foreign, own)


def test_a_users_current_conversation_hears_what_names_none(world: World) -> None:
    own = receive()
    dynamodb.commit(current_conversations.choose_write(ORG, POOL, "ann", own, "dev"))
    assert receive("more", thread="t9") == own
    assert receive("more", thread="t9", user_id="bob") != own
    conversations.update(ORG, POOL, own, Change(status=Status.CLOSED))
    assert receive("again", thread="t9") != own
    dynamodb.commit(current_conversations.choose_write(ORG, POOL, "ann", "conv_gone", "dev"))
    assert receive("once more", thread="t9") != own


def test_a_context_is_added_to_that_of_the_conversation(world: World) -> None:
    conversation = receive("one", context={"a": 1, "b": 1})
    receive("two", context={"b": 2})
    receive("three")
    assert conversations.get(ORG, POOL, conversation).context == {"a": 1, "b": 2}


def test_a_deleted_conversation_of_a_thread_is_begun_again(world: World) -> None:
    first = receive("one")
    conversations.delete(ORG, POOL, first)
    second = receive("two")
    assert (second != first, contents(second)) == (True, ["two"])


def test_a_command_is_a_message_and_one_code_task(world: World) -> None:
    results = run_together(
        [lambda: hook_events.request_code(ORG, POOL, incoming_message("/code x"), "x", "go", "dev")] * 5
    )
    assert len({task.id for _, task in results}) == len({message.id for message, _ in results}) == 1
    world.clock.advance(11)
    _, again = hook_events.request_code(ORG, POOL, incoming_message("/code x"), "x", "go", "dev")
    assert again.id != results[0][1].id
    assert (again.payload["prompt"], again.payload["language"]) == ("x", "go")
    world.settle()
    assert len(contents(results[0][0].conversation_id)) == 2, "no model answers a command"
    assert again.notify == (f"conversation:{POOL}:{results[0][0].conversation_id}",)


@pytest.mark.long
def test_a_command_is_answered_once_wherever_something_dies() -> None:
    for number in range(60):
        with new_world(number) as world:
            tasks.register_worker(world, languages=("go",))
            message, task = hook_events.request_code(ORG, POOL, incoming_message("/code x"), "x", "go", "dev")
            world.settle()
            is_over = _end_and_die(world, task, number)
            world.settle()
            for _ in range(6):
                world.advance(61)
            [_, answer] = contents(message.conversation_id)
            assert answer == f"```go\nx = 1\n```\n\nTask {task.id} is completed.", f"after a death at call {number}"
            assert world.task(task.id).wake_at is None
        if is_over:
            assert number > 5
            return
    raise AssertionError("it makes more calls than were tried")


def _end_and_die(world: World, task: Task, number: int) -> bool:
    """End the task, and die at this call of what follows. Returns whether it makes fewer calls."""
    held = world.task(task.id)
    assert held.worker_id is not None
    lifecycle.complete(ORG, POOL, task.id, Holder(held.worker_id, held.epoch), {"code": "x = 1"})
    with dying_anywhere(world, number):
        try:
            world.settle()
        except Killed:
            world.return_messages("wakeups")
            return False
    return True


def report(task: Task, execution: Execution) -> Task:
    return hook_events.report_execution(ORG, POOL, task.id, execution, "agent-zero")


def test_an_execution_completes_or_fails_a_task_that_waits(world: World) -> None:
    done, failed = tasks.submit(world), tasks.submit(world)
    for _ in range(2):
        assert report(done, WELL).status == "completed"
        assert report(failed, BADLY).status == "failed"
    assert lifecycle.get(ORG, done.id).result == {"code": "", "output": "Hello, World!", "exit_code": 0}
    error = lifecycle.get(ORG, failed.id).error
    assert error is not None
    assert error["message"] == "The execution ended with exit code 1"
    assert error["details"]["output"] == "Traceback"
    for task, execution in ((failed, WELL), (done, Execution("other", 0)), (failed, Execution("x", 2))):
        if task is not done:
            with pytest.raises(Conflict):
                report(task, execution)


def test_an_execution_ends_a_task_that_a_worker_holds_and_the_worker_is_too_late(world: World) -> None:
    worker = tasks.register_worker(world)
    task = tasks.submit(world)
    world.settle()
    held = lifecycle.get(ORG, task.id)
    report(task, WELL)
    with pytest.raises((LeaseLost, Conflict)):
        lifecycle.complete(ORG, POOL, task.id, Holder(worker, held.epoch), {"code": "late"})
    assert not world.task(task.id).is_held
    world.settle()


def test_what_the_latest_attempt_has_streamed_is_the_code(world: World) -> None:
    tasks.register_worker(world)
    task = tasks.submit(world)
    for text in ("of the first attempt", "x = 1\n"):
        world.settle()
        held = lifecycle.get(ORG, task.id)
        assert held.worker_id is not None
        chunks.append(ORG, POOL, task.id, Holder(held.worker_id, held.epoch), Chunk(1, text))
        chunks.append(ORG, POOL, task.id, Holder(held.worker_id, held.epoch), Chunk(3, "behind a gap"))
        if text != "x = 1\n":
            lifecycle.fail(ORG, task.id, Holder(held.worker_id, held.epoch), tasks.BROKEN._replace(retryable=True))
            world.advance(30)
    for _ in range(2):
        ended = report(task, WELL)
        assert ended.result == {"code": "x = 1\n", "output": "Hello, World!", "exit_code": 0}
    followed = output_stream.follow(ended, None, code_tasks.read_code)
    assert followed is not None
    events = [each.event for each in followed if each is not None]
    assert [(event.kind, event.text) for event in events] == [("start", ""), ("chunk", "x = 1\n"), ("end", "")]


def test_an_execution_is_noted_on_a_completed_task_once(world: World) -> None:
    tasks.register_worker(world)
    task = tasks.submit(world)
    tasks.end(world, task)
    for _ in range(2):
        noted = report(task, WELL)
    assert noted.metadata == {"execution": {"output": "Hello, World!", "exit_code": 0}}
    assert lifecycle.get(ORG, task.id).result == {"code": "pass"}
    with pytest.raises(Conflict, match="has the result of another execution"):
        report(task, BADLY)


def test_a_cancelled_task_and_another_orgs_take_no_result(world: World) -> None:
    task = tasks.submit(world)
    lifecycle.cancel(ORG, task.id)
    for execution in (WELL, BADLY):
        with pytest.raises(Conflict):
            report(task, execution)
        with pytest.raises(NotFound):
            hook_events.report_execution("umbra", POOL, task.id, execution, "agent-zero")
        with pytest.raises(NotFound):
            hook_events.report_execution(ORG, "other", task.id, execution, "agent-zero")


def test_a_long_output_is_stored_whole_as_a_result_and_its_end_elsewhere(world: World) -> None:
    tasks.register_worker(world)
    waiting, ended = tasks.submit(world, capabilities=("quantum",)), tasks.submit(world)
    tasks.end(world, ended)
    long = Execution("x" * 300_000 + "end", 0)
    for _ in range(2):
        report(waiting, long)
    assert lifecycle.load_result(lifecycle.get(ORG, waiting.id))["output"] == long.output
    note = (report(ended, long).metadata or {})["execution"]
    assert (len(note["output"]), note["output"][-3:]) == (4_000, "end")


def test_of_reports_at_once_one_counts(world: World) -> None:
    task = tasks.submit(world)
    outcomes = run_together([lambda n=n: report(task, Execution(str(n), n)) for n in (1, 2, 3)])
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 2


def test_two_events_at_once_both_add_to_the_context(world: World) -> None:
    conversation = receive("begin", context={"old": 0})
    interrupted: list[bool] = []

    def add_another_after_the_first_read(call: aws.Call, send: Callable[[], Any]) -> Any:
        answer = send()
        if call == ("DynamoDB", "BatchGetItem") and not interrupted:
            interrupted.append(True)
            with aws.without_interference():
                receive("two", context={"two": 2, "both": 2})
        return answer

    with aws.interfering(add_another_after_the_first_read):
        receive("one", context={"one": 1, "both": 1})
    assert interrupted
    context = conversations.get(ORG, POOL, conversation).context
    assert context == {"old": 0, "one": 1, "two": 2, "both": 1}


def test_a_context_does_not_grow_without_end(world: World) -> None:
    receive(context={"a": "x" * 9_000})
    with pytest.raises(InvalidRequest, match="context: must be at most"):
        receive(context={"b": "x" * 9_000})
