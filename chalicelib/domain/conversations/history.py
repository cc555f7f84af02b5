"""How much of a conversation a model gets: the latest messages that fit into half of its context."""

from collections.abc import Sequence

from chalicelib.domain.conversations.conversation import Message

MAX_MESSAGES = 20
CHARS_PER_TOKEN = 3
"""Cautiously: a token of English has four characters, of code and of other languages fewer."""
SHARE_OF_CONTEXT = 0.5
MAX_CHARS = 60_000


def room_chars(context_length: int) -> int:
    """How many characters of history a model gets whose context has so many tokens."""
    return min(MAX_CHARS, round(context_length * CHARS_PER_TOKEN * SHARE_OF_CONTEXT))


def latest_that_fit(messages: Sequence[Message], room: int) -> Sequence[Message]:
    """The latest messages that have so many characters together, at least the last one."""
    size = 0
    for number, message in enumerate(reversed(messages)):
        size += len(message.content)
        if size > room and number:
            return messages[len(messages) - number :]
    return messages
