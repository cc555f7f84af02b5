"""Sanitising: nothing of a corpus of attacks is left, and what authors write is."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.extras import require_extra

require_extra("studio")

from chalicelib.providers.text import markdown  # noqa: E402
from chalicelib.providers.text.sanitizing import ATTRIBUTES, FOOTNOTE, LANGUAGE, SCHEMES, TAGS, sanitize  # noqa: E402

CORPUS = Path(__file__).with_name("xss_corpus.txt").read_text().splitlines()


class Inspector(HTMLParser):
    """Notes everything in HTML that a sanitised text may not have."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.wrong.append(tag)
        self.wrong += [f"{tag} {name}={value}" for name, value in attrs if not is_allowed(tag, name, value or "")]

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"declaration {decl}")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"instruction {data}")


def is_allowed(tag: str, name: str, value: str) -> bool:
    if (tag, name, value) == ("a", "rel", "noopener noreferrer"):
        return True
    if name not in ATTRIBUTES.get(tag, ()):
        return False
    match name:
        case "href" | "src":
            return urlsplit(value.strip()).scheme in {"", *SCHEMES}
        case "style":
            return value.removeprefix("text-align:") in {"left", "right", "center"}
        case "class":
            return LANGUAGE.fullmatch(value) is not None
        case "id":
            return FOOTNOTE.fullmatch(value) is not None
    return True


def test_the_corpus_is_one() -> None:
    assert len(CORPUS) > 130
    assert len(set(CORPUS)) == len(CORPUS)


@pytest.mark.parametrize("render", [sanitize, markdown.to_html], ids=["html", "markdown"])
def test_no_attack_of_the_corpus_is_left(render: Callable[[str], str]) -> None:
    left = {attack: wrong for attack in CORPUS if (wrong := Inspector(render(attack)).wrong)}
    assert left == {}


def test_the_inspector_finds_attacks() -> None:
    tags = [attack for attack in CORPUS if attack.startswith("<") and attack[1].isalpha()]
    missed = [attack for attack in tags if not Inspector(attack).wrong]
    # They do nothing in HTML, or are attacks in another way that the parser has no event for.
    assert len(missed) < len(tags) / 20, missed


@given(st.lists(st.sampled_from(CORPUS), max_size=6).map("".join))
def test_attacks_side_by_side_are_none_and_what_is_left_stays(html: str) -> None:
    clean = sanitize(html)
    assert Inspector(clean).wrong == []
    assert sanitize(clean) == clean


def test_what_authors_write_stays() -> None:
    html = (
        '<h2>A</h2><p>b <strong>c</strong> <a href="https://x.example/" title="t" rel="noopener noreferrer">d</a></p>'
        '<pre><code class="language-py">1 &lt; 2</code></pre><img src="/i.png" alt="e"><ol start="3"><li>f</li></ol>'
        '<table><tbody><tr><td style="text-align:right" colspan="2">1</td></tr></tbody></table>'
    )
    assert sanitize(html) == html


@pytest.mark.parametrize("html", ["<div>" * 20_000, "<b></i>" * 10_000, "<ul><li>" * 5_000])
def test_html_that_is_nested_without_bounds_is_shown_as_text(html: str) -> None:
    assert "<" not in sanitize(html)
    assert sanitize(sanitize(html)) == sanitize(html)


def test_many_elements_side_by_side_are_not_nested() -> None:
    html = "<p>a <b>b</b></p>" * 1_000 + "<ul>" + "<li>a</li>" * 1_000 + "</ul>"
    assert sanitize(html) == html


@pytest.mark.parametrize(
    "opened",
    [
        "".join(f"<b title={number}>" for number in range(199)),
        "".join(f"<font color={number}>" for number in range(50)),
        f"<a href='https://x.example/{'y' * 30_000}'>",
        "<b title=1><b title=2><b title=3>",
    ],
)
def test_formatting_that_paragraphs_leave_open_does_not_fill_the_memory(opened: str) -> None:
    html = f"<p>{opened}" + "<p>x" * 8_000
    assert len(sanitize(html)) < 30 * len(html)


def test_formatting_that_is_left_open_once_in_a_while_is_kept() -> None:
    html = "<p>a <b>b</p>" + "<p>c <i>d</i></p>" * 100
    assert sanitize(html).count("<i>") == 100


def test_links_that_older_pages_leave_open_are_kept() -> None:
    html = "".join(f"<a name=x{number}><h2>a</h2><p>b <b>c</b></p>" for number in range(300))
    assert sanitize(html).count("<b>c</b>") == 300
