"""A conversation with a language model as plain values, the same for every provider.

A model's answer is an iterator of events: `Delta` for each piece of text, then one `Done`. It raises a ModelFailure
when it does not come that far:

    ModelFailure
    ├── ProviderBusy         the provider has no time now; `rest_ms` is how long it asks to be left alone
    ├── ProviderFailed       the provider did not answer, stopped midway, or answered with something else
    │   └── ProviderTimedOut it was silent for too long, or its answer took too long
    ├── RequestRefused       the provider does not accept this request: the same one will not succeed
    └── CredentialRefused    the provider does not accept the key, or its account may not use the model
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Role = Literal["system", "user", "assistant"]
Reason = Literal["stop", "length", "filtered", "tool", "other"]
"""Why a model ended its text: it was finished, too long, withheld by the provider, wants to use a tool, or else."""

MAX_WORDS = 300
"""Characters of a provider's explanation that are kept."""


class Message(NamedTuple):
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """What a provider is asked. `model` is the provider's own id; a parameter that is None is the provider's choice."""

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None

    @property
    def system(self) -> str:
        """The system messages together, for providers that take them apart."""
        return "\n\n".join(message.content for message in self.messages if message.role == "system")

    @property
    def dialogue(self) -> list[Message]:
        """The messages without those of the system."""
        return [message for message in self.messages if message.role != "system"]


class Delta(NamedTuple):
    """The next piece of the text."""

    text: str


class Done(NamedTuple):
    """The end of the text. A count of tokens is None where the provider says none."""

    reason: Reason
    tokens_in: int | None
    tokens_out: int | None


Event = Delta | Done
Events = Iterator[Event]


class ModelFailure(Exception):
    """There is no complete answer. The text says why, in the provider's words if it gave any, and holds no secret."""

    is_retryable = False
    """Whether the same request to the same model may succeed later."""

    def __init__(
        self, words: str, *, status: int | None = None, rest_ms: int | None = None, was_called: bool = True
    ) -> None:
        super().__init__(words[:MAX_WORDS])
        self.status = status
        self.rest_ms = rest_ms
        self.was_called = was_called
        """Whether the provider was asked at all."""

    @property
    def retry_after(self) -> int | None:
        """The whole seconds after which another try is worth it, where the provider says them."""
        return -(-self.rest_ms // 1_000) if self.rest_ms else None


class ProviderBusy(ModelFailure):
    """The provider limits the rate of requests, or is overloaded."""

    is_retryable = True


class ModelInstalling(ProviderBusy):
    """The model is still being installed; it is not asked."""


class ProviderFailed(ModelFailure):
    """The provider cannot be reached, fails, stops midway, or answers with something that is not its protocol."""

    is_retryable = True


class ProviderTimedOut(ProviderFailed):
    """The provider was silent for too long, or its whole answer takes longer than there is time."""


class RequestRefused(ModelFailure):
    """The provider does not accept this request, or has no such model."""


class CredentialRefused(ModelFailure):
    """The provider does not accept the key, or its account has no right or no credit."""


_CREDENTIAL_STATUSES = frozenset({401, 402, 403})
_BUSY_STATUSES = frozenset({429, 503, 529})
_FAILED_STATUSES = frozenset({408, 409, 425})


def failure_of_status(status: int, words: str, rest_ms: int | None = None) -> ModelFailure:
    """The failure that a status other than 200 means; `words` explain it, `rest_ms` is the provider's Retry-After."""
    if status in _CREDENTIAL_STATUSES:
        kind: type[ModelFailure] = CredentialRefused
    elif status in _BUSY_STATUSES:
        kind = ProviderBusy
    elif status in _FAILED_STATUSES or status >= 500:
        kind = ProviderFailed
    else:
        kind = RequestRefused
    return kind(words or f"HTTP {status}", status=status, rest_ms=rest_ms)


_REASONS: dict[str, Reason] = {
    # OpenAI
    "stop": "stop",
    "length": "length",
    "content_filter": "filtered",
    "tool_calls": "tool",
    "function_call": "tool",
    # Anthropic and Bedrock
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "filtered",
    "tool_use": "tool",
    "guardrail_intervened": "filtered",
    "content_filtered": "filtered",
}


def reason_of(word: object) -> Reason:
    """The reason that a provider's word for it means."""
    return _REASONS.get(word, "other") if isinstance(word, str) else "other"
