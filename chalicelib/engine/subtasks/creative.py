"""Writing: a language model's draft about a topic."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from chalicelib.domain.models.chat import Message, ModelFailure
from chalicelib.domain.texts import extraction
from chalicelib.engine.models import generation
from chalicelib.engine.models.generation import NO_PATIENCE, Ask, Patience
from chalicelib.errors import Unavailable

Style = Literal["professional", "casual", "humorous"]
Length = Literal["short", "medium", "long"]
WORDS: dict[Length, int] = {"short": 150, "medium": 400, "long": 900}
MIN_WORDS, MAX_WORDS = 20, 3_000
TOKENS_PER_WORD = 1.6
REQUEST_SECONDS = 24.0
"""What is left of the gateway's 29 s for the model."""
STEP_SECONDS = 300.0
MAX_TITLE_CHARS = 300
"""A longer line is no title, also where a model marks it as one."""
_TITLE = re.compile(r"\A\s*(?:#{1,3}\s+|title:\s*|\*\*(?=[^*\n]+\*\*\s*$))([^\n]{1,300})(?:\n|\Z)", re.I | re.MULTILINE)


class Draft(NamedTuple):
    """What a model wrote. `content` is markdown without the title."""

    title: str
    content: str
    model: str


class Brief(NamedTuple):
    """What is to be written, or with a `content` what is to be improved. A length is one of WORDS, or in words."""

    topic: str
    style: str = "professional"
    length: Length | int = "medium"
    key_points: Sequence[str] = ()
    content: str = ""
    suggestions: Sequence[str] = ()
    content_type: str = ""
    """Such as a blog post."""
    tone: str = ""
    audience: str = ""
    keyword: str = ""

    @property
    def words(self) -> int:
        """About how many words are wanted: no fewer than the text has that is improved."""
        wanted = self.length if isinstance(self.length, int) else WORDS[self.length]
        return max(wanted, len(self.content.split()))


def write(org: str, brief: Brief, *, seconds: float) -> Draft:
    """Have the org's model write or improve a text. Costs as `generation.generate`. A text that became too long ends
    with its last whole sentence.

    Raises ModelFailure, NotConfigured, Unavailable.
    """
    return _write(org, brief, seconds, NO_PATIENCE)


def write_now(org: str, brief: Brief) -> Draft:
    """As `write`, within a request: what is written when the time is over is the text.

    Raises Unavailable for a ModelFailure.
    """
    try:
        return _write(org, brief, REQUEST_SECONDS, Patience(waits_for_slot=True, accepts_part=True))
    except ModelFailure as failure:
        words = f"The model gave no answer: {failure}. Try again, or ask for a shorter text."
        raise Unavailable(words, retry_after=failure.retry_after) from None


def _write(org: str, brief: Brief, seconds: float, patience: Patience) -> Draft:
    most = round(brief.words * TOKENS_PER_WORD)
    generated = generation.generate(
        org, Ask(messages=_messages(brief), max_tokens=most, timeout_seconds=seconds), patience
    )
    return _draft(brief.topic, generated.whole_text, generated.model)


def _messages(brief: Brief) -> tuple[Message, Message]:
    tone = f", in a {brief.tone} tone" if brief.tone else ""
    system = (
        f"You are a writer. Write in a {brief.style} style{tone}, in Markdown, about {brief.words} words. "
        "Begin with a title as a heading of level 1. Invent no facts, numbers or quotes. Write nothing but the text."
    )
    return Message("system", system), Message("user", _request(brief))


def _request(brief: Brief) -> str:
    kind = f"a {brief.content_type} " if brief.content_type else ""
    parts = [f"Write {kind}about: {brief.topic}"]
    if brief.content:
        parts = [f"Improve this text about {brief.topic}, and keep what it says:", brief.content]
    if brief.audience:
        parts.append(f"Its readers: {brief.audience}")
    if brief.keyword:
        parts.append(f"Use this keyword in the title and in the text: {brief.keyword}")
    if brief.suggestions:
        parts.append("Change this:" + "".join(f"\n- {suggestion}" for suggestion in brief.suggestions))
    if brief.key_points:
        parts.append("Use these facts, and no others:" + "".join(f"\n- {point}" for point in brief.key_points))
    return "\n\n".join(parts)


def _draft(topic: str, text: str, model: str) -> Draft:
    found = _TITLE.match(text)
    title = found[1].rstrip(" \t#").removesuffix("**").strip(' "') if found else ""
    content = text[found.end() :] if found else text
    return Draft(title or extraction.shorten(topic, MAX_TITLE_CHARS), content.strip(), model)
