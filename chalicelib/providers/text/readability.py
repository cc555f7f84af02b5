"""How easy an English text is to read, by Flesch's formula."""

from functools import cache
from typing import Any, NamedTuple

from chalicelib.domain.texts import markup
from chalicelib.domain.texts.issues import Issue, issue_at
from chalicelib.providers import extras

HARD_BELOW = 30
"""Flesch's "very difficult"."""
MEASURED_WORDS = 100
"""A shorter text says too little."""
LONG_SENTENCE_WORDS = 40


class Readability(NamedTuple):
    """`ease` is Flesch's reading ease: about 0 (hard) to 100 (easy); None for a text without words."""

    words: int
    sentences: int
    ease: float | None


def measure(markdown: str) -> Readability:
    """Count the words and sentences of a text, and measure how easy it is. Raises as `extras.require`."""
    text = markup.mask_all(markdown)
    words, sentences = markup.words(text), len(markup.sentences(text))
    if not words:
        return Readability(0, 0, None)
    syllables = sum(map(_syllables, words))
    ease = 206.835 - 1.015 * len(words) / max(sentences, 1) - 84.6 * syllables / len(words)
    return Readability(len(words), sentences, round(ease, 1))


def find_issues(markdown: str) -> list[Issue]:
    """Sentences that are too long, and a text that is hard to read. Raises as `extras.require`."""
    text, figures = markup.mask_all(markdown), measure(markdown)
    issues = []
    for start, end in markup.sentences(text):
        count = len(markup.words(text[start:end]))
        if count > LONG_SENTENCE_WORDS:
            at = start + len(text[start:end]) - len(text[start:end].lstrip())
            message = f"The sentence has {count} words: divide it."
            issues.append(issue_at(text, (at, end), "readability", "long_sentence", "warning", message))
    if figures.words >= MEASURED_WORDS and figures.ease is not None and figures.ease < HARD_BELOW:
        message = f"The text is hard to read: its reading ease is {figures.ease:g}, below {HARD_BELOW}."
        issues.append(Issue("readability", "hard_to_read", "warning", message))
    return issues


def _syllables(word: str) -> int:
    return len(_hyphenation().positions(word)) + 1


@cache
def _hyphenation() -> Any:
    extras.require("studio")
    from pyphen import Pyphen

    return Pyphen(lang="en_US", left=1, right=1)
