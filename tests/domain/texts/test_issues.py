"""The score of a text, and what is suggested."""

import pytest

from chalicelib.domain.texts.issues import (
    MAX_SUGGESTIONS,
    Issue,
    Severity,
    issue_at,
    not_checked,
    quality_score,
    suggestions,
)


def issues(*severities: Severity) -> list[Issue]:
    return [Issue("grammar", "x", severity, "Wrong.") for severity in severities]


@pytest.mark.parametrize(
    ("severities", "words", "score"),
    [
        ((), 50, 100),
        (("error",), 50, 95),
        (("error",), 100, 95),
        (("error",), 500, 99),
        (("error",), 1_100, 99),
        (("advice",), 100, 99),
        (("error", "warning", "advice"), 100, 92),
        (("error",) * 30, 100, 0),
    ],
)
def test_the_score_is_100_less_the_points_for_a_hundred_words(
    severities: tuple[Severity, ...], words: int, score: int
) -> None:
    assert quality_score(issues(*severities), ["grammar"], words) == score


def test_what_was_not_checked_is_no_pass() -> None:
    facts = not_checked("factuality", "no provider")
    assert quality_score([facts], ["factuality"], 100) is None
    assert quality_score([facts, *issues("error")], ["factuality", "grammar"], 100) == 95


def test_an_issue_has_its_line_and_a_short_excerpt() -> None:
    issue = issue_at("one\ntwo\n" + "x" * 200, (8, 208), "style", "k", "advice", "m", "y")
    assert (issue.line, issue.excerpt, issue.suggestion) == (3, "x" * 80, "y")


def test_suggestions_are_sentences_about_what_matters() -> None:
    found = [issue_at("a teh", (2, 5), "grammar", "typo", "error", "Typo.", "the"), *issues("warning", "advice")]
    assert suggestions(found) == ["Line 1: write 'the' in the place of 'teh'.", "Wrong."]
    assert len(suggestions(issues(*["error"] * 50))) == MAX_SUGGESTIONS
