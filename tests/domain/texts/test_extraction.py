"""What is taken from texts: their own sentences, those about the topic first."""

import pytest

from chalicelib.domain.texts import extraction

TEXTS = (
    "Solar power grew by a fifth in one year. The weather was nice in spring for all of us. "
    "Solar power is now the cheapest source of new power.",
    "Many people like to travel in summer. Solar power is now the cheapest source of new power! Short one.",
)


def test_sentences_about_the_topic_come_first_and_none_twice() -> None:
    passages = extraction.extract("solar power", TEXTS, 2)
    assert {passage.sentence for passage in passages} == {
        "Solar power grew by a fifth in one year.",
        "Solar power is now the cheapest source of new power.",
    }
    assert [passage.source for passage in passages] == [0, 0]


def test_nothing_is_made_up() -> None:
    for passage in extraction.extract("anything", TEXTS, 10):
        assert passage.sentence in TEXTS[passage.source]
    assert extraction.extract("x", [], 3) == []


def test_keywords_are_the_frequent_words() -> None:
    assert extraction.keywords(" ".join(TEXTS), 2) == ["power", "solar"]


def test_a_long_line_is_cut_between_words() -> None:
    assert extraction.shorten("one two\nthree", 100) == "one two three"
    assert extraction.shorten("one two, three", 10) == "one two…"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("It is hot. Drink it slow", "It is hot."),
        ("It is hot.", "It is hot."),
        ('She said "hot." Then', 'She said "hot."'),
        ("Is it 3.5 degrees? It", "Is it 3.5 degrees?"),
        ("Do this.\n1. Boil water.\n2. Po", "Do this.\n1. Boil water."),
        ("Do this.\n10. Boil", "Do this."),
        ("お茶は熱い。飲", "お茶は熱い。"),
        ("no end at all", "no end at all"),
        ("", ""),
    ],
)
def test_a_text_that_was_cut_ends_with_its_last_whole_sentence(text: str, whole: str) -> None:
    assert extraction.whole_sentences(text) == whole
