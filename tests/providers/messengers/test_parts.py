"""Long texts in parts: none over its provider's limit, none cut within a word that fits, and nothing lost."""

import re
from html import escape, unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.providers.messengers import Messenger, texts
from chalicelib.providers.messengers.discord import Discord
from chalicelib.providers.messengers.telegram import Telegram
from chalicelib.providers.messengers.waha import Waha
from chalicelib.providers.messengers.whatsapp_cloud import WhatsAppCloud

LIMITS = {Telegram(): 4096, Discord(): 2000, Waha(): 4096, WhatsAppCloud(): 4096}
each_provider = pytest.mark.parametrize("by", LIMITS, ids=lambda by: type(by).__name__)


def read(by: Messenger, part: str) -> str:
    """What the reader sees of a part."""
    if isinstance(by, Telegram):
        return unescape(part)
    return re.sub(r"\\([^\w\s])", r"\1", part) if isinstance(by, Discord) else part


def counted(by: Messenger, part: str) -> int:
    """How much of its limit the provider counts: Telegram what is read, Discord what is written."""
    return texts.units(read(by, part) if isinstance(by, Telegram) else part)


WORDS = st.lists(st.text("ab<&*😀é", min_size=1, max_size=9), min_size=1, max_size=30)
SPACES = st.sampled_from((" ", "\n", "  ", "\n\n", "\t"))


@given(words=WORDS, space=SPACES)
def test_words_that_fit_are_cut_at_their_ends_alone(words: list[str], space: str) -> None:
    atoms = [texts.Atom(one, escape(one), texts.units(one)) for one in space.join(words)]
    parts = [unescape(part) for part in texts.split(atoms, 20)]
    assert max(map(texts.units, parts)) <= 20
    assert [word for part in parts for word in part.split()] == words


@given(st.text("ab \n<😀", max_size=200))
def test_no_character_is_lost(text: str) -> None:
    parts = texts.split(texts.plain(text), 10)
    assert all(part.strip() and texts.units(part) <= 10 for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@each_provider
def test_nothing_is_lost_and_nothing_is_too_long(by: Messenger) -> None:
    words = ["word", "<b>", "a&b", "*bold*", "`x`", "😀😀", "x\\y", "https://a.example/?a=1&b_c"] * 300
    parts = by.parts(" ".join(words))
    assert max(counted(by, part) for part in parts) <= LIMITS[by]
    assert [word for part in parts for word in read(by, part).split()] == words


@each_provider
def test_what_fits_is_one_part(by: Messenger) -> None:
    limit = LIMITS[by]
    assert by.parts("a" * limit) == ["a" * limit]
    assert [len(part) for part in by.parts("a" * (limit + 1))] == [limit, 1]
    assert [len(part) for part in by.parts("😀" * limit)] == [limit // 2] * 2, "counted in UTF-16"


def test_a_line_is_kept_whole_where_that_leaves_enough_in_the_part() -> None:
    by = Waha()
    assert by.parts("a" * 3000 + "\n" + "b c " * 400) == ["a" * 3000, "b c " * 400]
    early, late = by.parts("a\n" + "b " * 3000)
    assert len(early) > 4000 and early.endswith("b"), "a line's end near the beginning is no place to cut"
    assert late.startswith("b")


def test_what_is_escaped_stays_whole() -> None:
    assert Telegram().parts("<b>&</b>") == ["&lt;b&gt;&amp;&lt;/b&gt;"]
    assert Telegram().parts("<" * 4097) == ["&lt;" * 4096, "&lt;"]
    assert Discord().parts("*" * 1001) == ["\\*" * 1000, "\\*"]
    assert Discord().parts("- > #_`|~") == ["\\- \\> \\#\\_\\`\\|\\~"]
    assert Discord().parts("**a** _b_ [c](d)") == [r"\*\*a\*\* \_b\_ \[c\]\(d\)"]
    assert Discord().parts("see https://a.example/x_y_(z)*?") == ["see https://a.example/x_y_(z)*?"]


@each_provider
def test_blank_parts_are_none(by: Messenger) -> None:
    assert [part.strip() for part in by.parts("a" + " " * 9000 + "b")] == ["a", "b"]
    assert by.parts("\n" * 9000) == []
