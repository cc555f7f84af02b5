"""Long texts in parts: none exceeds its provider's limit, no character is cut, and nothing is lost."""

import re
from html import escape, unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.providers.messengers import Messenger, text_splitting
from chalicelib.providers.messengers.discord import Discord
from chalicelib.providers.messengers.telegram import Telegram
from chalicelib.providers.messengers.waha import Waha
from chalicelib.providers.messengers.whatsapp_cloud import WhatsAppCloud

LIMITS = {Telegram(): 4096, Discord(): 2000, Waha(): 4096, WhatsAppCloud(): 4096}
each_provider = pytest.mark.parametrize("by", LIMITS, ids=lambda by: type(by).__name__)


def read(by: Messenger, part: str) -> str:
    """The text of a part as the reader sees it."""
    if isinstance(by, Telegram):
        return unescape(part)
    return re.sub(r"\\([^\w\s])", r"\1", part) if isinstance(by, Discord) else part


def counted_length(by: Messenger, part: str) -> int:
    """The length that the provider counts: Telegram counts the shown text, Discord the written one."""
    return text_splitting.utf16_length(read(by, part) if isinstance(by, Telegram) else part)


LIMIT = 20
SHORT = st.text("ab<&*😀é", min_size=1, max_size=9).filter(lambda word: text_splitting.utf16_length(word) <= LIMIT // 2)
SPACES = st.sampled_from((" ", "\n", "  ", "\n\n", "\t"))


def escaped_atoms(text: str) -> list[text_splitting.Atom]:
    return [text_splitting.Atom(one, escape(one), text_splitting.utf16_length(one)) for one in text]


@given(words=st.lists(SHORT, min_size=1, max_size=30), space=SPACES)
def test_words_of_up_to_half_a_part_are_cut_at_their_ends_alone(words: list[str], space: str) -> None:
    parts = [unescape(part) for part in text_splitting.split_text(escaped_atoms(space.join(words)), LIMIT)]
    assert max(map(text_splitting.utf16_length, parts)) <= LIMIT
    assert [word for part in parts for word in part.split()] == words


@given(words=st.lists(st.text("ab<&*😀é", min_size=1, max_size=50), min_size=1, max_size=30))
def test_no_part_but_the_last_is_less_than_half_full(words: list[str]) -> None:
    parts = [unescape(part) for part in text_splitting.split_text(escaped_atoms(" ".join(words)), LIMIT)]
    assert all(LIMIT / 2 <= text_splitting.utf16_length(part) <= LIMIT for part in parts[:-1])
    assert "".join("".join(parts).split()) == "".join(words)


@given(st.text("ab \n<😀", max_size=200))
def test_no_character_is_lost(text: str) -> None:
    parts = text_splitting.split_text(text_splitting.plain_atoms(text), 10)
    assert all(part.strip() and text_splitting.utf16_length(part) <= 10 for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@each_provider
def test_nothing_is_lost_and_nothing_is_too_long(by: Messenger) -> None:
    words = ["word", "<b>", "a&b", "*bold*", "`x`", "😀😀", "x\\y", "https://a.example/?a=1&b_c"] * 300
    parts = by.split(" ".join(words))
    assert max(counted_length(by, part) for part in parts) <= LIMITS[by]
    assert [word for part in parts for word in read(by, part).split()] == words


@each_provider
def test_what_fits_is_one_part(by: Messenger) -> None:
    limit = LIMITS[by]
    assert by.split("a" * limit) == ["a" * limit]
    assert [len(part) for part in by.split("a" * (limit + 1))] == [limit, 1]
    assert [len(part) for part in by.split("😀" * limit)] == [limit // 2] * 2, "counted in UTF-16"


def test_a_line_is_kept_whole_where_that_leaves_enough_in_the_part() -> None:
    by = Waha()
    assert by.split("a" * 3000 + "\n" + "b c " * 400) == ["a" * 3000, "b c " * 400]
    early, late = by.split("a\n" + "b " * 3000)
    assert len(early) > 4000 and early.endswith("b"), "a line's end near the beginning is no place to cut"
    assert late.startswith("b")


def test_what_is_escaped_stays_whole() -> None:
    assert Telegram().split("<b>&</b>") == ["&lt;b&gt;&amp;&lt;/b&gt;"]
    assert Telegram().split("<" * 4097) == ["&lt;" * 4096, "&lt;"]
    assert Discord().split("*" * 1001) == ["\\*" * 1000, "\\*"]
    assert Discord().split("- > #_`|~") == ["\\- \\> \\#\\_\\`\\|\\~"]
    assert Discord().split("**a** _b_ [c](d)") == [r"\*\*a\*\* \_b\_ \[c\]\(d\)"]
    assert Discord().split("see https://a.example/x_y_(z)*?") == ["see https://a.example/x_y_(z)*?"]


@each_provider
def test_blank_parts_are_none(by: Messenger) -> None:
    assert [part.strip() for part in by.split("a" + " " * 9000 + "b")] == ["a", "b"]
    assert by.split("\n" * 9000) == []


SIGN = "\N{INFORMATION SOURCE}\N{VARIATION SELECTOR-16}"


@each_provider
@pytest.mark.parametrize("rest", ["a", "https://a.example/", "\N{GRINNING FACE}"])
@pytest.mark.parametrize("space", [" ", "\n"])
def test_a_sign_alone_is_no_part(by: Messenger, rest: str, space: str) -> None:
    limit = LIMITS[by]
    long = (rest * limit)[: limit - 2 if rest == "a" else limit]
    first, *others = by.split(f"{SIGN}{space}{long}")
    assert first.startswith(SIGN + space + rest[0]) and counted_length(by, first) >= limit - 1
    assert others and "".join("".join(read(by, part) for part in [first, *others]).split()) == SIGN + long


@each_provider
def test_a_text_is_cut_after_its_half_and_not_before(by: Messenger) -> None:
    half = LIMITS[by] // 2
    assert by.split("a" * half + " " + "b" * (2 * half)) == ["a" * half, "b" * (2 * half)]
    early, *_ = by.split("a" * (half - 1) + " " + "b" * (2 * half))
    assert early == "a" * (half - 1) + " " + "b" * half


CLUSTERS = {
    "a flag": "\N{REGIONAL INDICATOR SYMBOL LETTER D}\N{REGIONAL INDICATOR SYMBOL LETTER E}",
    "the flag of Scotland": "\N{WAVING BLACK FLAG}"
    + "".join(chr(0xE0000 + ord(one)) for one in "gbsct")
    + "\U000e007f",
    "a family": "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}\u200d\N{BOY}",
    "a skin tone": "\N{WAVING HAND SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-5}",
    "a heart on fire": "\N{HEAVY BLACK HEART}\ufe0f\u200d\N{FIRE}",
    "a sign": SIGN,
    "a keycap": "7\ufe0f\u20e3",
    "an accent": "e\N{COMBINING ACUTE ACCENT}\N{COMBINING DIAERESIS}",
    "a markup character with an accent": "*\N{COMBINING ACUTE ACCENT}",
    "a syllable of Hangul": "\u1112\u1161\u11ab",
    "a syllable of Hindi": "\u0915\u094d\u0937\u093f",
    "a syllable of Thai": "\u0e17\u0e35\u0e48",
}


@each_provider
@pytest.mark.parametrize("kind", CLUSTERS)
def test_what_is_one_character_to_its_reader_is_not_cut(by: Messenger, kind: str) -> None:
    cluster = CLUSTERS[kind]
    for before in range(len(cluster) + 2):
        text = "x" * (LIMITS[by] - 2 * len(cluster) - before) + cluster * 20
        written = by.split(text)
        parts = [read(by, part) for part in written]
        assert "".join(parts) == text and len(parts) > 1
        assert all(not part.replace(cluster, "").strip("x") for part in parts)
        assert all(counted_length(by, part) <= LIMITS[by] for part in written)


@each_provider
def test_a_character_that_is_larger_than_a_part_is_cut_all_the_same(by: Messenger) -> None:
    text = "e" + "\N{COMBINING ACUTE ACCENT}" * 10_000
    parts = by.split(text)
    assert "".join(parts) == text
    assert [counted_length(by, part) for part in parts[:-1]] == [LIMITS[by]] * (len(parts) - 1)


@given(st.lists(st.sampled_from([*CLUSTERS.values(), "a", " ", "\n", "\r\n"]), max_size=60))
def test_no_cluster_is_cut_wherever_the_limit_falls(pieces: list[str]) -> None:
    import regex

    text = "".join(pieces)
    parts = text_splitting.split_text(text_splitting.plain_atoms(text), 24)
    whole = [one for one in regex.findall(r"\X", text) if one.strip()]
    assert [one for part in parts for one in regex.findall(r"\X", part) if one.strip()] == whole


def test_the_end_of_a_line_is_two_characters_on_windows() -> None:
    assert Waha().split("a" * 3000 + "\r\n" + "b " * 2000) == ["a" * 3000, "b " * 2000]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("7. seven", "7\\. seven"),
        ("a\n10. ten\n11. eleven", "a\n10\\. ten\n11\\. eleven"),
        ("  3. indented\n\t4.\ttab", "  3\\. indented\n\t4\\.\ttab"),
        ("1.", "1\\."),
        ("1.\n2.", "1\\.\n2\\."),
        ("- a\n* b\n# c\n> d", "\\- a\n\\* b\n\\# c\n\\> d"),
        ("7.5 GB\nv1.2.3 at 10.0.0.1", "7.5 GB\nv1.2.3 at 10.0.0.1"),
        ("https://a.example/7. x", "https://a.example/7. x"),
    ],
)
def test_no_line_becomes_a_list_on_discord(text: str, written: str) -> None:
    assert Discord().split(text) == [written]


def test_no_part_begins_a_list_on_discord() -> None:
    text = "word " * 395 + "see 7. below " * 9
    assert all(not re.match(r"\s*\d+\.\s", part) for part in Discord().split(text))
    assert any(part.startswith("7\\. ") for part in Discord().split("x" * 1999 + " 7. below"))
