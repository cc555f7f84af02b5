"""Grammar, style and readability: planted faults are found at their place, and good texts have none."""

from collections.abc import Callable, Sequence
from random import Random

import pytest

from chalicelib.domain.texts.issues import Issue
from chalicelib.providers import extras
from chalicelib.providers.extras import Extra, ExtraState
from tests.support import cpu_time
from tests.support.extras import require_extra

require_extra("studio")
require_extra("style")

from chalicelib.providers.text import grammar, readability, style  # noqa: E402

GOOD = """# The harbor

The boats leave the harbor before dawn. They return in the evening, and their crews sell the fish on the quay.
Most visitors come in July, when the water is warm.

Yardmaster runs on AWS with SQS and S3. `teh code` stays as it is.
"""
GRAMMAR = {
    "spelling": ("They recieve the fish.", "recieve", "receive"),
    "typo": ("They sell teh fish.", "teh", "the"),
    "repetition": ("They sell the the fish.", "the the", "the"),
    "agreement": ("He go to the quay.", "go", "goes"),
    "punctuation": ("Its a nice day at the harbor.", "Its", "It's"),
    "boundary_error": ("They sell alot of fish.", "alot", "a lot"),
    "word_choice": ("They could of sold the fish.", "could of", "could have"),
}
STYLE = {
    "cliches": "At the end of the day, they sell the fish.",
    "uncomparables": "The harbor is very unique.",
    "redundancy": "They pay at the ATM machine.",
    "weasel_words": "The fish is very fresh.",
    "industrial_language": "They think outside the box.",
}


def issues_of_kind(issues: Sequence[Issue], kind: str) -> list[Issue]:
    return [issue for issue in issues if issue.kind == kind]


@pytest.mark.parametrize("find", [grammar.find_issues, style.find_issues, readability.find_issues])
def test_a_good_text_has_no_fault(find: Callable[[str], list[Issue]]) -> None:
    assert [issue for issue in find(GOOD) if issue.severity != "advice"] == []


@pytest.mark.parametrize("kind", GRAMMAR)
def test_a_planted_mistake_is_found_with_its_correction(kind: str) -> None:
    sentence, excerpt, suggestion = GRAMMAR[kind]
    issue = next(iter(issues_of_kind(grammar.find_issues(f"{GOOD}\n{sentence}\n"), kind)))
    assert (issue.line, issue.excerpt, issue.suggestion) == (GOOD.count("\n") + 2, excerpt, suggestion)


def test_mistakes_of_a_long_text_have_their_places() -> None:
    text = (GOOD + "\n") * 40 + "They recieve the fish.\n"
    [issue] = issues_of_kind(grammar.find_issues(text), "spelling")
    assert (issue.line, issue.excerpt) == (text.count("\n"), "recieve")


@pytest.mark.parametrize("between", [" ", "-", "/"])
def test_a_text_of_unknown_words_is_checked_as_far_as_it_is_english(between: str) -> None:
    chance = Random(1)
    words = ("".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(10_000))
    text = f"{GOOD}\nThey recieve the fish.\n" + GOOD * 20 + "\n\n" + between.join(words)
    with cpu_time.limited_to(10):
        issues = grammar.find_issues(text)
    assert issues_of_kind(issues, "spelling")[0].excerpt == "recieve"
    [rest] = issues_of_kind(issues, "not_checked")
    assert "from line 1" in rest.message and "more than 500 unknown words" in rest.message


@pytest.mark.parametrize("piece", ["I'", "don't", "don’t", "1st", "ab", "#", "—", "🎉", "!["])
def test_data_without_spaces_is_not_checked(piece: str) -> None:
    with cpu_time.limited_to(10):
        issues = grammar.find_issues(f"{GOOD}\n{piece * 20_000}\n\nThey recieve the fish.\n")
    assert [issue.excerpt for issue in issues if issue.severity == "error"] == ["recieve"]


def test_another_language_is_not_checked() -> None:
    german = "Die Boote verlassen den Hafen vor dem Sonnenaufgang und kehren am Abend zurück. "
    [issue] = grammar.find_issues(german * 2)
    assert (issue.kind, issue.severity) == ("not_checked", "not_checked")


@pytest.mark.parametrize(
    "text",
    [
        "Die Boote verlassen den Hafen vor dem Sonnenaufgang.",
        "El gato duerme sobre la alfombra junto a la ventana.",
        "これは日本語の文章です。",
        "Это предложение на русском языке.",
    ],
)
def test_a_short_text_in_another_language_is_not_checked(text: str) -> None:
    assert [issue.kind for issue in grammar.find_issues(text)] == ["not_checked"]


def test_a_short_text_of_many_mistakes_is_still_english() -> None:
    kinds = [issue.kind for issue in grammar.find_issues("They recieve fish evry day frm the man hwo sels it.")]
    assert kinds.count("spelling") >= 4


@pytest.mark.parametrize("kind", STYLE)
def test_a_planted_phrase_is_found(kind: str) -> None:
    issue = next(iter(issues_of_kind(style.find_issues(f"{GOOD}\n{STYLE[kind]}\n"), kind)))
    assert issue.line == GOOD.count("\n") + 2
    assert issue.excerpt and issue.excerpt.lower() in STYLE[kind].lower()
    assert "damn" not in issue.message


class Missing:
    """The states where no extra is installed."""

    def state(self, extra: Extra) -> ExtraState:
        return ExtraState("missing")


def test_style_is_not_checked_where_its_packages_are_missing() -> None:
    before = extras.use(Missing())
    try:
        [issue] = style.find_issues("At the end of the day, they sell the fish.")
    finally:
        extras.use(before)
    assert (issue.severity, "'style' are not installed" in issue.message) == ("not_checked", True)


def test_a_long_sentence_is_found() -> None:
    [issue] = readability.find_issues(f"{GOOD}\n{'They sell fish and ' * 15}return.\n")
    assert (issue.kind, issue.line) == ("long_sentence", GOOD.count("\n") + 2)


def test_a_hard_text_is_found_and_an_easy_one_is_measured() -> None:
    hard = "Organizational interdependencies necessitate comprehensive methodological considerations. " * 20
    assert [issue.kind for issue in readability.find_issues(hard)] == ["hard_to_read"]
    figures = readability.measure("The cat sat on the mat. The dog ran to the cat.")
    assert (figures.words, figures.sentences) == (12, 2)
    assert figures.ease is not None and figures.ease > 100
    assert readability.measure("---") == (0, 0, None)


@pytest.mark.parametrize("piece", ["1", "_a", "~"])
def test_no_text_takes_long_to_check(piece: str) -> None:
    with cpu_time.limited_to(10):
        style.find_issues(piece * (20_000 // len(piece)))
