"""Prose and what is none."""

from chalicelib.domain.texts import markup
from tests.support import cpu_time

TEXT = "a `b` <i>c</i> [d](https://e)\n```\nf\n```\ng https://h.example\n"


def test_masks_keep_indexes_and_lines() -> None:
    for mask in (markup.mask_all, markup.mask_blocks, markup.mask_code, markup.mask_code_blocks):
        assert len(mask(TEXT)) == len(TEXT)
        assert mask(TEXT).count("\n") == TEXT.count("\n")
    assert markup.mask_all(TEXT).split() == ["a", "c", "[d]", "g"]
    assert markup.mask_blocks(TEXT).split() == ["a", "`b`", "c", "[d](https://e)", "g", "https://h.example"]


def test_data_is_no_word_and_links_are_none_of_it() -> None:
    text = f"a {'b1’' * 34} [c](https://d.example/{'e/' * 60}) {'f' * 100}"
    assert markup.mask_data(text) == text.replace("b1’", "   ")
    assert markup.mask_data(f"a {'#!' * 51} b {'|--' * 60}") == f"a {' ' * 102} b {'|--' * 60}"


def test_sentences_end_at_their_marks_and_items_are_apart() -> None:
    text = "One two. Three\nfour? Version 1.5 is out\n- five\n- six\n\n# Seven\n"
    assert [text[start:end].split()[0] for start, end in markup.sentences(text)] == [
        "One",
        "Three",
        "Version",
        "5",
        "-",
        "-",
        "#",
    ]


def test_the_end_of_a_sentence_is_found_in_time_that_grows_with_the_text() -> None:
    """A lookahead over all the blank lines that follow would take hours."""
    text = "Words" + " \n" * 200_000 + "More words."
    assert [text[start:end].strip() for start, end in markup.sentences(text)] == ["Words", "More words."]


def test_marks_of_code_that_never_end_are_read_in_seconds() -> None:
    with cpu_time.limited_to(5):
        assert markup.mask_all("~" * 100_000).strip("~") == ""


def test_what_is_too_long_for_a_word_is_none() -> None:
    assert markup.mask_long_words(f"a {'b' * 101} c") == f"a {' ' * 101} c"
    assert markup.mask_long_words("b" * 100) == "b" * 100
