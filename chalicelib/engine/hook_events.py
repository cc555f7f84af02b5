"""What other systems tell: a message in a conversation, code to be written, or the result of an execution.

Each event takes effect once. One that has an id is known by it; other words are a repetition when the same user has
said them within REPETITION_MS before, because senders repeat a delivery that was not answered.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.conversations.conversation import Conversation, Details, Message, Role, Status, reply_target
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Status as TaskStatus
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.transitions import Failure
from chalicelib.engine import code_tasks
from chalicelib.engine.chunks import output_stream
from chalicelib.engine.code_tasks import CodeRequest
from chalicelib.engine.conversations import conversations, current_conversations, messages, replies
from chalicelib.engine.conversations.conversations import Change, Draft
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.tasks import lifecycle, payloads
from chalicelib.errors import Conflict, IdempotencyMismatch, NotFound

REPETITION_MS = 10 * clock.SECOND
MAX_TITLE_CHARS = 60
"""Characters of the first message that title a conversation."""
MAX_NOTED_CHARS = 4_000
"""Characters of an output, its last ones, that are kept with a failed task or beside a result."""
EXECUTION = "execution"
"""The field of a completed task's metadata with the result of an external execution."""


class IncomingMessage(NamedTuple):
    """A message that a user wrote in another system."""

    hook: str
    user_id: str
    text: str
    thread: str  # what the other system calls the conversation
    conversation_id: str | None = None  # a conversation of this API, or else the thread
    event_id: str | None = None
    context: Mapping[str, Any] = {}


class Execution(NamedTuple):
    """How an external executor ended."""

    output: str
    exit_code: int


def receive_message(org: str, pool: str, incoming: IncomingMessage, by: str, *, is_answered: bool = True) -> Message:
    """Add the message to its conversation, which is created if there is none. With `is_answered`, a model answers.

    The conversation is the one that is named, else the user's current one, else that of the thread. Four to seven
    calls. Raises Conflict for a closed conversation, IdempotencyMismatch for another message under one event's id.
    """
    conversation = _find_conversation(org, pool, incoming)
    return messages.add(
        org,
        pool,
        conversation.id,
        Role.USER,
        incoming.text,
        f"{incoming.hook}:{incoming.event_id}" if incoming.event_id is not None else None,
        repetition_ms=0 if incoming.event_id is not None else REPETITION_MS,
        also=lambda message: [replies.job_write(org, pool, message, by)] if is_answered else [],
    )


def _find_conversation(org: str, pool: str, incoming: IncomingMessage) -> Conversation:
    details = _find_named(org, pool, incoming)
    if details is None:
        draft = Draft(incoming.user_id, _title(incoming.text), incoming.context)
        key = f"{incoming.hook}:{incoming.conversation_id or incoming.thread}"
        details = conversations.get_or_create(org, pool, draft, key)
    if {**details.context, **incoming.context} != details.context:
        change = Change(added_context=incoming.context)
        details = conversations.update(org, pool, details.conversation.id, change)
    return details.conversation


def _find_named(org: str, pool: str, incoming: IncomingMessage) -> Details | None:
    """The conversation that is named; without a name the user's current one, unless it is closed."""
    if incoming.conversation_id is not None:
        return conversations.find(org, pool, incoming.conversation_id)
    current_id = current_conversations.find(org, pool, incoming.user_id)
    details = conversations.find(org, pool, current_id) if current_id is not None else None
    return details if details is not None and details.conversation.status is not Status.CLOSED else None


def _title(text: str) -> str:
    """The first words."""
    words = " ".join(text.split())
    return words if len(words) <= MAX_TITLE_CHARS else words[: MAX_TITLE_CHARS - 1] + "…"


def request_code(
    org: str, pool: str, incoming: IncomingMessage, prompt: str, language: str, by: str
) -> tuple[Message, Task]:
    """Add the command to its conversation, and have its code written. What comes of it is a message of the assistant,
    and is sent to the chat of the org's own bot if the command came from there. Raises as `receive_message` and
    `code_tasks.submit` do."""
    message = receive_message(org, pool, incoming, by, is_answered=False)
    key = f"message:{message.conversation_id}:{message.id}"
    notify = (reply_target(pool, message.conversation_id), *_own_messengers(org, incoming))
    request = CodeRequest(prompt, language, incoming.context, key, notify=notify)
    return message, code_tasks.submit(org, pool, by, request)


def _own_messengers(org: str, incoming: IncomingMessage) -> list[str]:
    """The messenger of the org whose only chat is the thread of the message."""
    accounts = provider_accounts.get_accounts(org)
    is_own_chat = str(accounts.providers.get("telegram", {}).get("chat_id")) == incoming.thread
    return ["telegram"] if incoming.hook == "telegram" and is_own_chat and not accounts.missing("telegram") else []


def request_workflow_code(org: str, pool: str, workflow_task_id: str, request: CodeRequest, by: str) -> Task:
    """Have code written for a workflow, once for each id of the org's workflows. Three calls.

    Raises as `code_tasks.submit`, IdempotencyMismatch for another request under the id.
    """
    key = f"n8n:{workflow_task_id}"
    try:
        return code_tasks.submit(
            org, pool, by, request._replace(idempotency_key=key, id=_id_of_workflow_task(org, pool, workflow_task_id))
        )
    except IdempotencyMismatch:
        what = "came before with another prompt, language, context or source; send another task_id for another task"
        raise IdempotencyMismatch(f"task_id: {workflow_task_id} {what}") from None


def _id_of_workflow_task(org: str, pool: str, workflow_task_id: str) -> str:
    """The id of the task that a workflow knows by an id of its own."""
    return ids.derived("task", org, pool, "n8n", workflow_task_id)


def _find_task(org: str, pool: str, named: str) -> Task:
    """The task with this id, or else the one that a workflow knows by it. One call, or two. Raises NotFound."""
    try:
        return lifecycle.get(org, named, pool)
    except NotFound as unknown:
        try:
            return lifecycle.get(org, _id_of_workflow_task(org, pool, named), pool)
        except NotFound:
            raise unknown from None


def report_execution(org: str, pool: str, task_id: str, execution: Execution, by: str) -> Task:
    """Record how an external execution ended: it ends a task that has not ended, and is noted on a completed one.

    `task_id` is the task's, or the one by which a workflow knows it, which costs one call more. What the latest lease
    has streamed is the code of a task that is completed so. Two calls, one more for a long output, and one for each
    hundred chunks. The same report again changes nothing. Raises NotFound, and Conflict for a
    task that has failed or was cancelled, or has another report.
    """

    def decide(task: Task) -> Task:
        if task.status is TaskStatus.COMPLETED:
            return task if _is_result(task, execution) else _with_note(task, execution)
        if execution.exit_code == 0:
            return _completed(task, execution)
        failure = _failure(execution)
        if task.status is TaskStatus.FAILED and task.error == failure.error:
            return task
        return transitions.failed_by_owner(task, failure, clock.now(), lifecycle.retry_backoff())

    task = _find_task(org, pool, task_id)
    return lifecycle.change(org, task.id, decide, pool=pool, by=by, known=task)


def _is_result(task: Task, execution: Execution) -> bool:
    """Whether this execution completed the task."""
    result = lifecycle.load_result(task)
    return isinstance(result, Mapping) and (result.get("output"), result.get("exit_code")) == execution


def _completed(task: Task, execution: Execution) -> Task:
    if task.is_terminal:
        raise Conflict(f"Task {task.id} is {task.status}: only a pending, running or completed task takes a result")
    prefix = payloads.s3_prefix(task.org, task.pool, task.id, "result")
    code = output_stream.read_text(task)
    result, reference = payloads.store_if_large(prefix, {"code": code, **execution._asdict()})
    unheld = task if task.is_held_by_worker else replace(task, worker_id=None)
    return transitions.completed(unheld, clock.now(), result, reference)


def _failure(execution: Execution) -> Failure:
    error = {
        "message": f"The execution ended with exit code {execution.exit_code}",
        "exit_code": execution.exit_code,
        "output": execution.output[-MAX_NOTED_CHARS:],
    }
    return reported_failure(error, retryable=False)


def _with_note(task: Task, execution: Execution) -> Task:
    """The completed task with the end of the output noted in its metadata. Raises Conflict when another is noted."""
    note = {"output": execution.output[-MAX_NOTED_CHARS:], "exit_code": execution.exit_code}
    metadata = dict(task.metadata or {})
    if metadata.get(EXECUTION, note) != note:
        raise Conflict(f"Task {task.id} has the result of another execution")
    if EXECUTION in metadata:
        return task
    return transitions.edited(task, clock.now(), metadata=metadata | {EXECUTION: note})
