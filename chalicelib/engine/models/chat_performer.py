"""The performer of chat tasks: a conversation is the payload, a model's answer the result."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.models.chat import Message, ModelFailure, ModelInstalling, Role
from chalicelib.domain.tasks.push_responses import Busy, Done
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.models import generation
from chalicelib.engine.models.generation import DEFAULT_MAX_TOKENS, DEFAULT_SECONDS, Ask
from chalicelib.engine.models.provider_calls import MAX_SECONDS

MAX_REST_MS = 30_000
"""How long the org's chat tasks wait at most before the provider is looked at again."""


class ChatMessage(BaseModel):
    """One message."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    role: Role
    content: str = Field(max_length=1_000_000)


class ChatInput(BaseModel):
    """What a chat task asks, as the fields of `generation.Ask`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    messages: list[ChatMessage] = Field(min_length=1, max_length=1_000)
    model: str | None = None
    fallback: list[str] = Field(default=[], max_length=10)
    max_tokens: int = Field(default=DEFAULT_MAX_TOKENS, ge=1, le=200_000)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    timeout_seconds: float = Field(default=DEFAULT_SECONDS, gt=0, le=MAX_SECONDS)

    @property
    def ask(self) -> Ask:
        return Ask(
            messages=tuple(Message(message.role, message.content) for message in self.messages),
            fallback=tuple(self.fallback),
            **self.model_dump(exclude={"messages", "fallback"}),
        )


class ChatPerformer:
    """Asks the org's models."""

    name: ClassVar[str] = "chat"
    input: ClassVar[type[BaseModel]] = ChatInput

    def perform(self, task: Task, payload: ChatInput) -> Done | Failure | Busy:
        """`text`, `model`, `provider`, `reason`, `tokens_in` and `tokens_out`; or why there is no answer. Busy where no
        model was asked, because no call of the provider was free or it rests."""
        try:
            return Done(generation.generate(task.org, payload.ask)._asdict())
        except ModelFailure as failure:
            if failure.is_retryable and not failure.was_called:
                rest_ms = MAX_REST_MS if isinstance(failure, ModelInstalling) else failure.rest_ms or 0
                return Busy(min(rest_ms, MAX_REST_MS))
            return Failure(Reason.WORKER_FAILED, str(failure), failure.is_retryable, retry_after_ms=failure.rest_ms)
