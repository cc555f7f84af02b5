"""Chat: a model answers a message within the request.

The message is kept before the model is asked, and the answer with it afterwards, each once: by the caller's key, and by
the number of the message that is answered.
"""

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.domain.conversations import history as history_rules
from chalicelib.domain.conversations.conversation import MAX_CONTENT_CHARS, MAX_TITLE_CHARS, Conversation, Message, Role
from chalicelib.domain.models.chat import (
    CredentialRefused,
    ModelFailure,
    ProviderBusy,
    ProviderTimedOut,
    RequestRefused,
)
from chalicelib.engine.conversations import conversations, messages, replies
from chalicelib.engine.conversations.conversations import Draft
from chalicelib.engine.models import catalogue, current_model, generation
from chalicelib.engine.models.current_model import CurrentModel
from chalicelib.engine.models.generation import Ask, Generated, Patience
from chalicelib.errors import IdempotencyMismatch, TimedOut, Unavailable, YardmasterError

ANSWER_SECONDS = 25.0
"""API Gateway waits 29 seconds: the rest is for the calls before and after the model's."""
_REASONS: dict[type[ModelFailure], str] = {
    ProviderBusy: "The model's provider is busy",
    CredentialRefused: "The model's provider does not accept the key",
    RequestRefused: "The model's provider does not accept the request",
}
_NO_ANSWER = "The model's provider gave no complete answer"


class Question(NamedTuple):
    """A message to be answered. Without a conversation it begins one, without a model the org's own answers."""

    content: str
    conversation_id: str | None = None
    model: str | None = None
    key: str | None = None
    """The caller's name for this question: with the same one it is kept and answered once."""


class Answer(NamedTuple):
    """The message of the assistant. Model and tokens are None where it was given before, the tokens also where the
    provider counts none."""

    message: Message
    model: str | None
    tokens: int | None


class _Kept(NamedTuple):
    """A question that is kept: its conversation, what was said there up to it, and its number."""

    conversation: Conversation
    messages: Sequence[Message]
    number: int

    @property
    def answer_key(self) -> str:
        return f"answer:{self.number}"

    @property
    def place(self) -> str:
        """Where the caller finds the question, for errors."""
        return f"Your message is kept in conversation {self.conversation.id}"


def answer(org: str, pool: str, user_id: str, question: Question) -> Answer:
    """Keep a question, have a model answer it, and keep the answer. Four calls beside the four of `generation`.

    Raises NotConfigured and InvalidRequest where there is no such model, NotFound, Conflict for a closed conversation,
    IdempotencyMismatch; and with the message kept TimedOut after ANSWER_SECONDS, and Unavailable where the model gives
    no answer.
    """
    current = current_model.get_current(org)
    if question.model is not None:
        current = current._replace(entry=catalogue.find_model(org, question.model, "model"))
    conversation_id = question.conversation_id
    if conversation_id is None:
        kept = _begin(org, pool, user_id, question)
    else:
        kept = _go_on(org, pool, conversation_id, question)
    given = _find_answer(kept) if question.key is not None else None
    return given or _keep_answer(kept, _generate(kept, current))


def _begin(org: str, pool: str, user_id: str, question: Question) -> _Kept:
    """Begin a conversation with the question. Three calls, five with a key that came before."""
    title = " ".join(question.content.split())[:MAX_TITLE_CHARS] or "New conversation"
    draft = Draft(user_id, title, first_message=question.content)
    begun = conversations.create(org, pool, draft, question.key).conversation
    kept = _Kept(*messages.find_history(org, pool, begun.id, 1, 1), number=1)
    if kept.messages[0].content != question.content:
        raise IdempotencyMismatch("This key was used before with another message; use a new key")
    return kept


def _go_on(org: str, pool: str, conversation_id: str, question: Question) -> _Kept:
    """Add the question to its conversation. Three calls, four with a key that came before."""
    asked = messages.add(org, pool, conversation_id, Role.USER, question.content, question.key)
    history = messages.find_history(org, pool, conversation_id, asked.number, history_rules.MAX_MESSAGES)
    return _Kept(*history, number=asked.number)


def _find_answer(kept: _Kept) -> Answer | None:
    conversation = kept.conversation
    message = messages.find_by_key(conversation.org, conversation.pool, conversation.id, kept.answer_key)
    return Answer(message, None, None) if message is not None else None


def _generate(kept: _Kept, current: CurrentModel) -> Generated:
    """What the model answers. Raises TimedOut and Unavailable, which say where the question is kept."""
    room = history_rules.room_chars(current.entry.model.context_length)
    ask = Ask(
        messages=tuple(replies.as_prompt(kept.messages, room)),
        model=current.entry.model.id,
        temperature=current.temperature,
        top_p=current.top_p,
        timeout_seconds=ANSWER_SECONDS,
    )
    try:
        generated = generation.generate(kept.conversation.org, ask, Patience(waits_for_slot=True))
    except ModelFailure as failure:
        raise _refusal(kept, failure) from None
    if not generated.text.strip():
        raise Unavailable(f"The model answered nothing. {kept.place}")
    return generated


def _refusal(kept: _Kept, failure: ModelFailure) -> YardmasterError:
    if isinstance(failure, ProviderTimedOut):
        return TimedOut(f"The model did not answer within {ANSWER_SECONDS:.0f} seconds. {kept.place}")
    reason = _REASONS.get(type(failure), _NO_ANSWER)
    return Unavailable(f"{reason}. {kept.place}", retry_after=failure.retry_after)


def _keep_answer(kept: _Kept, generated: Generated) -> Answer:
    """Add the answer to the conversation: of two at once to one question, the first. One call, two when somebody wrote
    meanwhile."""
    conversation, text = kept.conversation, generated.text[:MAX_CONTENT_CHARS]
    place = (conversation.org, conversation.pool, conversation.id)
    try:
        message = messages.add(*place, Role.ASSISTANT, text, kept.answer_key, seen=conversation)
    except IdempotencyMismatch:
        stored = _find_answer(kept)
        if stored is None:
            raise
        return stored
    return Answer(message, generated.model, generated.tokens)
