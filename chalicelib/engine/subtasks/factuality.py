"""Facts in a text: what a model doubts, and only where the text says it in these words."""

from collections.abc import Sequence
from typing import Any

from chalicelib.domain import foreign_json
from chalicelib.domain.models.chat import Message, ModelFailure
from chalicelib.domain.texts.issues import Issue, issue_at, not_checked
from chalicelib.engine.models import generation
from chalicelib.engine.models.generation import Ask
from chalicelib.errors import NotConfigured

SECONDS = 20.0
MAX_DOUBTS = 5
MAX_TOKENS = 400
"""Enough for MAX_DOUBTS. A model that does not stop must not hold up a request, or its provider's slot."""
MAX_CHARACTERS = 20_000
_PROMPT = (
    f"You check facts. Answer with nothing but a JSON array of {MAX_DOUBTS} items at most. Each item is an object with"
    " 'quote', the exact words of the text that are wrong or that the sources do not support, and 'problem', one"
    " sentence that says why. Answer [] if there are none."
)


def find_issues(org: str, text: str, sources: Sequence[str]) -> list[Issue]:
    """The claims that the org's model doubts. Where it gives no answer that can be read, the one issue that facts were
    not checked. Costs as `generation.generate`. Raises Unavailable."""
    known = "".join(f"\n- {source}" for source in sources)
    asked = f"Text:\n{text[:MAX_CHARACTERS]}" + (f"\n\nSources:{known}" if known else "")
    messages = (Message("system", _PROMPT), Message("user", asked))
    ask = Ask(messages=messages, max_tokens=MAX_TOKENS, temperature=0, timeout_seconds=SECONDS)
    try:
        answer = generation.generate(org, ask).text
    except NotConfigured:
        return [not_checked("factuality", "no provider of a language model is configured")]
    except ModelFailure as failure:
        return [not_checked("factuality", f"the model gave no answer: {failure}")]
    doubts = _parse(answer)
    if doubts is None:
        return [not_checked("factuality", "the model's answer is not what it was asked for")]
    return [issue for quote, problem in doubts for issue in _issue(text, quote, problem)]


def _parse(answer: str) -> list[tuple[str, str]] | None:
    """The quotes and problems of an answer; None where it has another form."""
    start, end = answer.find("["), answer.rfind("]")
    try:
        items: Any = foreign_json.parse(answer[start : end + 1]) if 0 <= start < end else None
        return None if items is None else [(str(item["quote"]), str(item["problem"])) for item in items]
    except (ValueError, TypeError, KeyError):
        return None


def _issue(text: str, quote: str, problem: str) -> list[Issue]:
    at = text.find(quote) if quote.strip() else -1
    span = (at, at + len(quote))
    return [] if at < 0 else [issue_at(text, span, "factuality", "doubtful", "error", problem[:500])]
