"""Conversion: what a text says and how it is marked up is the same after a round trip through each markup."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.errors import InvalidRequest
from tests.support import cpu_time
from tests.support.extras import require_extra

require_extra("studio")

from chalicelib.providers.text import trees  # noqa: E402
from chalicelib.providers.text.conversion import Markup, convert, detect  # noqa: E402
from chalicelib.providers.text.sanitizing import sanitize  # noqa: E402

TEXTS: Mapping[str, str] = {
    "words": "Some *emphasis*, **weight**, `code`, a [link](https://x.example/a_b?c=1&d=2), un**bold**ed and a_b_c.",
    "headings": "# One\n\nA.\n\n## Two\n\nB.\n\n### Three *four*\n\nC.\n\n## Five\n\nD.",
    "letters that mean something": r"2 \* 3 \* 4, \_a\_, \`b\`, \|c\|, d\\e, \<f\>, g\_, h:: 100% \#1",
    "beginnings that mean something": "\\- a\n\n1986\\. b\n\n\\.. c\n\n\\# d\n\n\\+ e\n\n:f: g\n\n\\=====",
    "lists": "- a\n- b\n  - c\n  - d\n- e\n\n1. f\n2. g\n\n3 h",
    "a list with paragraphs": "1. a\n\n   b\n\n2. c\n\n   ```sh\n   d\n   ```",
    "a list that begins later": "4. a\n5. b",
    "quotes": "> a\n>\n> - b\n>\n> > c\n\nd",
    "code": "```python\nx = 1 < 2\n\n  y = '*a* `b`'\n```\n\n    plain",
    "a table": "| a | b |\n|:--|--:|\n| 1 | *2* |\n| 3 | |",
    "a line's end": "a  \nb **c**  \nd\n\ne",
    "an image": "![alt *text*](/i.png)\n\nend",
    "a rule": "a\n\n---\n\nb",
    "other scripts": "# 北京 Äpfel\n\nПривет **мир** 🎉",
}
BLOCK = re.compile(rf"\s*(</?(?:{'|'.join([*trees.BLOCKS, 'br', 'td', 'th', 'thead', 'tbody'])})\b[^>]*>)\s*")
LOST_IN_RST = {"td": "style", "th": "style"}


def normalize_html(html: str, lost: Mapping[str, str] | None = None) -> str:
    """The HTML without differences that nobody sees, and without the attributes that are `lost`."""
    tree: Any = trees.parse(html)
    for paragraph in tree.select("li > p, td > p, th > p"):
        paragraph.unwrap()
    for code in tree.select("pre > code"):
        code.string = code.get_text().strip("\n")
    for name, attribute in (lost or {}).items():
        for element in tree.find_all(name):
            del element[attribute]
    for text in tree.find_all(string=True):
        if not text.find_parent("pre"):
            text.replace_with(re.sub(r"\s+", " ", text))
    return BLOCK.sub(r"\1", str(tree))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("markup", ["markdown", "html", "rst"])
def test_a_round_trip_changes_nothing(name: str, markup: Markup) -> None:
    html = convert(TEXTS[name], "markdown", "html")
    back = convert(convert(html, "html", markup), markup, "html")
    lost = LOST_IN_RST if markup == "rst" else None
    assert normalize_html(back, lost) == normalize_html(html, lost)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("markup", ["markdown", "rst"])
def test_a_second_round_trip_gives_the_same_text(name: str, markup: Markup) -> None:
    once = convert(convert(TEXTS[name], "markdown", markup), markup, markup)
    assert convert(once, markup, markup) == once


def test_all_texts_together_are_one_text() -> None:
    whole = "\n\n".join(TEXTS.values())
    html = convert(whole, "markdown", "html")
    assert normalize_html(convert(convert(html, "html", "rst"), "rst", "html"), LOST_IN_RST) == normalize_html(
        html, LOST_IN_RST
    )


def test_what_rst_does_not_have_is_its_words() -> None:
    assert convert("~~a~~ **b *c* d**", "markdown", "rst") == "a **b c d**\n"


@pytest.mark.parametrize(
    "rst",
    [
        ".. include:: /etc/passwd",
        ".. literalinclude:: /etc/passwd",
        ".. raw:: html\n\n   <script>alert(1)</script>",
        ".. csv-table::\n   :file: /etc/passwd",
        ".. raw:: html\n   :file: /etc/passwd",
        ".. role:: raw-html(raw)\n   :format: html\n\n:raw-html:`<script>alert(1)</script>`",
        "`x <javascript:alert(1)>`_",
        ".. image:: javascript:alert(1)",
        ".. meta::\n   :http-equiv=refresh: 0;url=javascript:alert(1)",
    ],
)
def test_rst_reads_no_file_and_runs_no_script(rst: str) -> None:
    html = convert(rst, "rst", "html")
    assert "root:" not in html
    assert not [word for word in ("<script", "href=", "src=", "http-equiv") if word in html]


def test_substitutions_within_substitutions_are_no_bomb() -> None:
    lines = [f".. |a{level}| replace:: " + f"|a{level + 1}| " * 10 for level in range(8)]
    assert len(convert("\n".join([*lines, ".. |a8| replace:: lol", "", "|a0|"]), "rst", "html")) < 100


@pytest.mark.parametrize(
    ("rst", "words"),
    [
        ("*a " * 1_000, "more than 100 mistakes"),
        ("- " * 5_000, "nested too deeply"),
        ("a " * 10_001, "at most 20,000 characters"),
    ],
)
def test_rst_that_would_keep_the_parser_busy_is_refused(rst: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as raised:
        convert(rst, "rst", "html")
    assert list(raised.value.fields) == ["content"]


def test_tables_within_tables_are_written_once() -> None:
    with cpu_time.limited_to(5):
        rst = convert("<table><tr><td>cell" * 45, "html", "rst")
    assert rst.count("cell") == 45


@pytest.mark.parametrize("lines", ["<p>a" * 2_000, "<pre>" + "a\n" * 2_000])
@pytest.mark.parametrize("markup", ["markdown", "rst"])
def test_many_lines_in_many_quotes_are_refused(lines: str, markup: Markup) -> None:
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        convert("<blockquote>" * 190 + lines, "html", markup)
    assert convert("<blockquote>" * 20 + lines, "html", markup).count("a") >= 2_000


def test_a_table_of_many_empty_cells_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="table of 5,001 rows and 10,000 columns"):
        convert("<table><tr>" + "<td>" * 10_000 + "<tr><td>" * 5_000, "html", "rst")


def test_a_list_that_begins_with_no_number_begins_with_one() -> None:
    assert convert(f"<ol start='{'9' * 5_000}'><li>a</ol>", "html", "rst") == "1. a\n"


def test_mistakes_in_rst_are_shown_as_they_are() -> None:
    assert convert("a *b c\n\n.. nothing:: d\n\n`e", "rst", "markdown") == "a \\*b c\n\n\\`e\n"


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("<p>a</p>", "html"),
        ("\n <!-- a -->", "html"),
        ("<https://x>", "html"),
        ("a < b", "markdown"),
        ("< a", "markdown"),
        ("", "markdown"),
    ],
)
def test_html_is_distinguished_from_markdown(text: str, markup: Markup) -> None:
    assert detect(text) == markup


def test_the_words_of_a_tree_are_by_line_without_code_and_with_the_images_texts() -> None:
    html = "<p>a <b>b</b> c<br>d<sup>1</sup></p><pre>e</pre><ul><li>f<p>g <img alt='h'></p></li></ul>"
    assert trees.plain_text(trees.parse(f"{html}<table><tr><td>i</td></tr></table>")) == "a b c\nd\nf\ng h\ni"


@pytest.mark.parametrize("piece", ["<br>", "<p>a", "<hr>", "<li>a"])
def test_the_words_of_a_long_page_are_read_in_seconds(piece: str) -> None:
    with cpu_time.limited_to(10):
        trees.plain_text(trees.parse(sanitize(piece * 25_000)))


def test_half_a_character_in_rst_is_replaced() -> None:
    assert convert(".. |a| unicode:: 0xD800\n\n|a|", "rst", "html") == "<p>?</p>\n"
