"""Slugs: what they are made of, and that they are stable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.extras import require_extra

require_extra("studio")

from chalicelib.providers.text.slugs import MAX_LENGTH, slug  # noqa: E402


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("AI Trends 2025", "ai-trends-2025"),
        ("  What's new?  ", "what-s-new"),
        ("Äpfel & Öl", "apfel-ol"),
        ("Привет, мир", "privet-mir"),
        ("a/b/../c", "a-b-c"),
        ("---", "untitled"),
        ("🎉", "untitled"),
        ("", "untitled"),
    ],
)
def test_a_slug_is_ascii_words_with_hyphens(title: str, expected: str) -> None:
    assert slug(title) == expected


def test_a_long_title_is_cut_between_words() -> None:
    assert slug("seven letters " * 20) == "seven-letters-seven-letters-seven-letters-seven-letters-seven-letters-seven"
    assert len(slug("x" * 500)) == MAX_LENGTH


@given(st.text(st.sampled_from("aZ9 -_.&;#x'ÄßЖ北é🎉\u0301\u200d\x00"), max_size=200))
def test_every_text_has_a_slug_that_is_its_own(title: str) -> None:
    made_slug = slug(title)
    assert 1 <= len(made_slug) <= MAX_LENGTH
    assert set(made_slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slug(made_slug) == made_slug
