"""Grammar and spelling of English texts, by Harper."""

import re
from collections.abc import Iterator
from functools import cache
from threading import Lock
from typing import Any

from chalicelib.domain.texts import markup
from chalicelib.domain.texts.issues import Issue, Severity, issue_at, not_checked
from chalicelib.providers import extras

_SEVERITIES: dict[str, Severity] = {
    "Capitalization": "advice",
    "Enhancement": "advice",
    "Readability": "advice",
    "Regionalism": "advice",
    "Style": "advice",
    "Formatting": "warning",
    "Redundancy": "advice",
    "WordChoice": "warning",
    "Miscellaneous": "warning",
}
"""By Harper's kind; every other is an error."""
_MISSPELT = frozenset({"Spelling", "Typo"})
SAMPLE_CHARACTERS = 2_000
JUDGED_WORDS = 20
"""The language of a shorter text is told by its words, too: English with many mistakes is still English."""
TELLING_WORDS = 8
"""The language of a shorter text cannot be told: it is taken for English."""
FOREIGN_SHARE = 0.6
"""The share of unknown words above which a text that does not seem English is none."""
LAST_LATIN_LETTER = "\u024f"
PART_CHARACTERS = 4_000
MAX_UNKNOWN_WORDS = 500
"""Different words of a text that the dictionary does not have: a linter looks for what each may mean, which takes it as
long as a page of others. Of 100,000 characters about programs it does not have a hundred."""
_lock = Lock()


def find_issues(markdown: str) -> list[Issue]:
    """The mistakes of grammar and spelling, by line; one issue that says so where the text, or the rest of it, is not
    English.

    The first text of a process takes a second and 150 MB. Raises as `extras.require`.
    """
    text, sample = markup.mask_data(markup.mask_blocks(markdown)), _sample(markdown)
    with _lock:  # a linter refuses two calls at once
        linter = _linter()
        if not _is_english(linter, sample):
            return [not_checked("grammar", "the text does not seem to be English")]
        parts = list(_english_parts(linter, text))
        found = [(start, part, lint) for start, part in parts for lint in linter.lint(part)]
    issues = [_issue(text, start, lint) for start, part, lint in found if not _is_name(part, lint)]
    return issues + _unchecked(text, sum(len(part) for _, part in parts))


def _unchecked(text: str, start: int) -> list[Issue]:
    """The issue that the text was not checked from an index on, if that is not its end."""
    if start == len(text):
        return []
    line = text.count("\n", 0, start) + 1
    why = f"from line {line} on the text has more than {MAX_UNKNOWN_WORDS} unknown words: is it English?"
    return [not_checked("grammar", why)]


def _is_english(linter: Any, sample: str) -> bool:
    """Whether a text is English, or too short to tell."""
    letters, count = [letter for letter in sample if letter.isalpha()], len(sample.split())
    if 2 * sum(letter > LAST_LATIN_LETTER for letter in letters) > len(letters):
        return False
    if count < TELLING_WORDS or linter.is_likely_english(sample):
        return True
    return count < JUDGED_WORDS and _count_unknown(linter, sample) <= FOREIGN_SHARE * count


def _count_unknown(linter: Any, sample: str) -> int:
    return sum(lint.lint_kind in _MISSPELT for lint in linter.lint(sample))


def _english_parts(linter: Any, text: str) -> Iterator[tuple[int, str]]:
    """The parts of a text up to the one with which it has more than MAX_UNKNOWN_WORDS."""
    seen, unknown = set[str](), 0
    for start, part in _parts(text):
        words = set(re.findall(r"[^\W_]+", part)) - seen
        seen |= words
        unknown += sum(not linter.is_likely_english(word) for word in words)
        if unknown > MAX_UNKNOWN_WORDS:
            return
        yield start, part


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The text in parts of whole paragraphs where they are short enough: a linter's time grows with the square of a
    paragraph's length."""
    start = 0
    while start < len(text):
        end = start + PART_CHARACTERS
        paragraph = text.rfind("\n\n", start + 1, end) if end < len(text) else -1
        end = end if paragraph < 0 else paragraph
        yield start, text[start:end]
        start = end


def _issue(text: str, start: int, lint: Any) -> Issue:
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", lint.lint_kind).lower()
    suggestions = [suggestion.replacement_text for suggestion in lint.suggestions[:1]]
    severity = _SEVERITIES.get(lint.lint_kind, "error")
    span = (start + lint.span.start, start + lint.span.end)
    return issue_at(text, span, "grammar", kind, severity, lint.message, "".join(suggestions))


def _sample(markdown: str) -> str:
    """The beginning of the prose: what the language is judged by."""
    return " ".join(markup.words(markup.mask_all(markdown[: 2 * SAMPLE_CHARACTERS])))[:SAMPLE_CHARACTERS]


def _is_name(text: str, lint: Any) -> bool:
    """Whether a word that the dictionary does not have is a name: it has digits or capitals where words have none."""
    word = lint.problem_text
    if lint.lint_kind not in _MISSPELT:
        return False
    starts_sentence = re.search(
        r"(?:^|[.!?:|]\s|\n\s*[-*+>#]*\s*)[\"'*_(\[]*$", text[max(0, lint.span.start - 20) : lint.span.start]
    )
    return bool(re.search(r"\d|.[A-Z]", word) or (word[:1].isupper() and not starts_sentence))


@cache
def _linter() -> Any:
    extras.require("studio")
    from harper import Linter

    return Linter()
