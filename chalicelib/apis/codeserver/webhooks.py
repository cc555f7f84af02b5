"""What other systems tell (delqhi-platform.md, "Webhook: ..."): n8n, Agent Zero, chats, Telegram, the OpenCode CLI.

Instead of a token they can send `X-Webhook-Secret`, the secret of the org that `?org=` names
(docs/reference/codeserver-api.md).
"""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from chalicelib.apis.codeserver.access import HOOKS, NAME, ORG
from chalicelib.apis.codeserver.code import MAX_PROMPT_CHARS, Prompt, TaskId
from chalicelib.apis.codeserver.conversations import Content, ConversationId, IdempotencyKey, UserId
from chalicelib.apis.codeserver.languages import Language
from chalicelib.domain.conversations.conversation import MAX_CONTENT_CHARS, Message
from chalicelib.domain.tasks.task import Task
from chalicelib.edge import Caller, Query, Routes, Schema
from chalicelib.engine import hook_events
from chalicelib.engine.code_tasks import CodeRequest
from chalicelib.engine.hook_events import Execution, IncomingMessage
from chalicelib.errors import InvalidRequest

routes = Routes(HOOKS, tag="Webhooks")

Org = Annotated[str | None, Query(ORG), Field(description="The org of the webhook; read with the credential.")]
EventId = Annotated[
    str | None, Field(min_length=1, max_length=128, description="An id of the event: it takes effect once.")
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]
CODE_COMMAND = re.compile(r"\s*/code(?:@\w+)?(?:\s+(?P<prompt>.*))?", re.DOTALL | re.IGNORECASE)
"""A command of Telegram: in any case, with the name of the bot in groups, and the prompt after any white space."""


class EventTaken(Schema):
    """What became of an event: a code task, a message of a conversation, or both; null what did not."""

    status: Literal["accepted"] = "accepted"
    event: str
    task_id: str | None = None
    conversation_id: str | None = None
    message_id: str | None = None

    @classmethod
    def from_event(cls, event: str, message: Message | None = None, task: Task | None = None) -> "EventTaken":
        return cls(
            event=event,
            task_id=task.id if task is not None else None,
            conversation_id=message.conversation_id if message is not None else None,
            message_id=message.id if message is not None else None,
        )


class N8nEvent(Schema):
    """Code that a workflow wants written."""

    event: Literal["code_task_created"]
    task_id: Word = Field(description="The workflow's own id of the task: it is created once.", examples=["task-uuid"])
    prompt: Prompt = Field(examples=["Generate code"])
    source: Annotated[str, StringConstraints(max_length=256)] = Field(default="", examples=["n8n-workflow-123"])
    language: Language = "python"
    context: dict[str, Any] = Field(default={}, description="Sent to the worker unchanged.")


class ExecutionResult(Schema):
    """How an execution ended. An exit code of 0 is success."""

    output: Annotated[str, StringConstraints(max_length=1_000_000)] = Field(default="", examples=["Hello, World!"])
    exit_code: int = Field(ge=-(2**31), lt=2**32, strict=True, examples=[0])


class AgentZeroEvent(Schema):
    """The end of an execution."""

    event: Literal["code_execution_complete"]
    task_id: TaskId = Field(
        description="The id of a code task, or the one that n8n gave it.", examples=["code-task-uuid"]
    )
    execution_result: ExecutionResult


class CockpitEvent(Schema):
    """A message of a user of the cockpit."""

    event: Literal["user_request"]
    user_id: UserId = Field(examples=["user-uuid"])
    message: Content = Field(examples=["Generate REST API"])
    conversation_id: ConversationId | None = Field(
        default=None,
        description="A conversation of this API; another id names a conversation of its own, which is created.",
        examples=["conv-uuid"],
    )
    event_id: EventId = None


class DelqhiEvent(Schema):
    """A message of a user of Delqhi Chat."""

    event: Literal["chat_message"]
    user_id: UserId = Field(examples=["delqhi-user-123"])
    message: Content = Field(examples=["Help me debug this code"])
    context: dict[str, Any] = Field(default={}, description="Added to the conversation's context.")
    event_id: EventId = None


class TelegramEvent(Schema):
    """A message of a Telegram chat. `/code <prompt>` has code written; anything else is a message."""

    event: Literal["telegram_message"]
    chat_id: (
        Annotated[str, StringConstraints(min_length=1, max_length=64)]
        | Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
    ) = Field(description="A number, or a text.", examples=["123456789"])
    message: Content = Field(examples=["/code generate a Python script"])
    event_id: EventId = None


class OpencodeEvent(Schema):
    """A command of the OpenCode command line. `generate` has code written; any other is a message."""

    event: Literal["opencode_command"]
    command: Word = Field(examples=["generate"])
    args: Annotated[list[Annotated[str, StringConstraints(max_length=MAX_PROMPT_CHARS)]], Field(max_length=100)] = (
        Field(examples=[["React component"]])
    )
    session_id: Word = Field(examples=["cli-session-uuid"])
    language: Language = "python"
    event_id: EventId = None


@routes.post("/n8n", status=202, errors=[409, 413])
def hear_n8n(caller: Caller, body: N8nEvent, org: Org = None) -> EventTaken:  # noqa: ARG001
    """Have code written for an n8n workflow."""
    context = body.context | ({"source": body.source} if body.source else {})
    request = CodeRequest(body.prompt, body.language, context)
    task = hook_events.request_workflow_code(caller.org, NAME, body.task_id, request, caller.subject)
    return EventTaken.from_event(body.event, task=task)


@routes.post("/agent-zero", status=202, errors=[404, 409])
def hear_agent_zero(caller: Caller, body: AgentZeroEvent, org: Org = None) -> EventTaken:  # noqa: ARG001
    """Record how an execution of a code task ended.

    It ends a task that is pending or running: exit code 0 completes it, another one fails it. On a completed task it is
    noted.
    """
    result = body.execution_result
    execution = Execution(result.output, result.exit_code)
    task = hook_events.report_execution(caller.org, NAME, body.task_id, execution, caller.subject)
    return EventTaken.from_event(body.event, task=task)


@routes.post("/cockpit-chat", status=202, errors=[409])
def hear_cockpit(
    caller: Caller,
    body: CockpitEvent,
    idempotency_key: IdempotencyKey = None,
    org: Org = None,  # noqa: ARG001
) -> EventTaken:
    """Add a message of the cockpit to its conversation. A model answers, where one is configured."""
    message = IncomingMessage(
        "cockpit-chat",
        body.user_id,
        body.message,
        thread=f"user {body.user_id}",
        conversation_id=body.conversation_id,
        event_id=body.event_id or idempotency_key,
    )
    return EventTaken.from_event(body.event, hook_events.receive_message(caller.org, NAME, message, caller.subject))


@routes.post("/delqhi-chat", status=202, errors=[409])
def hear_delqhi(
    caller: Caller,
    body: DelqhiEvent,
    idempotency_key: IdempotencyKey = None,
    org: Org = None,  # noqa: ARG001
) -> EventTaken:
    """Add a message of Delqhi Chat to its user's conversation. A model answers, where one is configured."""
    message = IncomingMessage(
        "delqhi-chat",
        body.user_id,
        body.message,
        thread=f"user {body.user_id}",
        event_id=body.event_id or idempotency_key,
        context=body.context,
    )
    return EventTaken.from_event(body.event, hook_events.receive_message(caller.org, NAME, message, caller.subject))


@routes.post("/telegram", status=202, errors=[409, 413])
def hear_telegram(
    caller: Caller,
    body: TelegramEvent,
    idempotency_key: IdempotencyKey = None,
    org: Org = None,  # noqa: ARG001
) -> EventTaken:
    """Add a message to its chat's conversation, where a model answers; or have the code written that `/code` asks
    for."""
    user_id = f"telegram:{body.chat_id}"
    message = IncomingMessage(
        "telegram", user_id, body.message, thread=str(body.chat_id), event_id=body.event_id or idempotency_key
    )
    command = CODE_COMMAND.fullmatch(body.message)
    if command is None:
        return EventTaken.from_event(body.event, hook_events.receive_message(caller.org, NAME, message, caller.subject))
    return _submit_code(caller, body.event, message, command["prompt"] or "", "message", "python")


@routes.post("/opencode-cli", status=202, errors=[409, 413])
def hear_opencode(
    caller: Caller,
    body: OpencodeEvent,
    idempotency_key: IdempotencyKey = None,
    org: Org = None,  # noqa: ARG001
) -> EventTaken:
    """Have code written that `generate` asks for; add any other command to its session's conversation, where a model
    answers."""
    text = " ".join([body.command, *body.args])
    if len(text) > MAX_CONTENT_CHARS:
        problem = f"must have at most {MAX_CONTENT_CHARS} characters together, with the command"
        raise InvalidRequest(f"args: {problem}", fields={"args": problem})
    user_id = f"opencode:{body.session_id}"
    message = IncomingMessage(
        "opencode-cli", user_id, text, thread=body.session_id, event_id=body.event_id or idempotency_key
    )
    if body.command != "generate":
        return EventTaken.from_event(body.event, hook_events.receive_message(caller.org, NAME, message, caller.subject))
    return _submit_code(caller, body.event, message, " ".join(body.args), "args", body.language)


def _submit_code(
    caller: Caller, event: str, message: IncomingMessage, prompt: str, field: str, language: str
) -> EventTaken:
    """Submit the code task of a command. Raises InvalidRequest for a command without a prompt."""
    if not prompt.strip() or len(prompt) > MAX_PROMPT_CHARS:
        problem = f"must say which code to write, in 1 to {MAX_PROMPT_CHARS} characters"
        raise InvalidRequest(f"{field}: {problem}", fields={field: problem})
    added, task = hook_events.request_code(caller.org, NAME, message, prompt, language, caller.subject)
    return EventTaken.from_event(event, added, task)
