"""Markdown as HTML."""

import pytest

from tests.support import cpu_time
from tests.support.extras import require_extra

require_extra("studio")

from chalicelib.providers.text.markdown import MAX_GAP, from_html, to_html  # noqa: E402
from chalicelib.providers.text.sanitizing import sanitize  # noqa: E402


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        (
            "# A\n\nb *c* **d** ~~e~~ `f`",
            "<h1>A</h1>\n<p>b <em>c</em> <strong>d</strong> <del>e</del> <code>f</code></p>\n",
        ),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("```py\n1 < 2\n```", '<pre><code class="language-py">1 &lt; 2\n</code></pre>\n'),
        ("a\n***\n> b", "<p>a</p>\n<hr>\n<blockquote>\n<p>b</p>\n</blockquote>\n"),
        ("![a](/i.png)", '<p><img src="/i.png" alt="a"></p>\n'),
        ("a <b>c</b>", "<p>a <b>c</b></p>\n"),
        ("a <script>b</script>c", "<p>a c</p>\n"),
        ("", ""),
    ],
)
def test_markdown_is_html(markdown: str, html: str) -> None:
    assert to_html(markdown) == html


def test_tables_keep_the_alignment_of_their_columns() -> None:
    html = to_html("|a|b|\n|:-|-:|\n|1|2|\n")
    assert '<th style="text-align:left">a</th>' in html
    assert '<td style="text-align:right">2</td>' in html


@pytest.mark.parametrize(
    ("table", "markdown"),
    [
        ("<thead><tr><th>a<tbody><tr><td>b<tbody><tr><td>c", "| a |\n| --- |\n| b |\n| c |\n"),
        ("<thead><tr><td>a<tbody><tr><td>b", "| a |\n| --- |\n| b |\n"),
        ("<tr><th>a<th>b<tr><td>c<td>d", "| a | b |\n| --- | --- |\n| c | d |\n"),
        ("<tr><td>a<td>b", "|  |  |\n| --- | --- |\n| a | b |\n"),
        ("<tr><td colspan=2>a<tr><td>b<td>c", "|  |  |\n| --- | --- |\n| a | |\n| b | c |\n"),
    ],
)
def test_tables_have_one_head(table: str, markdown: str) -> None:
    assert from_html(sanitize(f"<table>{table}</table>")) == markdown


def test_items_have_their_numbers_and_longer_ones_are_indented() -> None:
    items = "<ol start=9><li>a<li><p>b</p><p>c</p><li><ol><li>d</ol></ol>"
    assert from_html(sanitize(items)) == "9. a\n10. b\n\n    c\n11. 1. d\n"


@pytest.mark.parametrize("number", ["9" * 5_000, "²", "½", "-1", "", "x"])
def test_what_is_no_number_is_none(number: str) -> None:
    assert from_html(f"<ol start='{number}'><li>a</li></ol>") == "1. a\n"
    assert from_html(f"<table><tr><th colspan='{number}'>a</th></tr></table>") == "| a |\n| --- |\n"


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        ("<ol>", "<li>a"),
        ("<table><thead>", "<tr><td>a"),
        ("<table>", "<tbody><tr><td>a"),
        ("<table>", "<tbody><tr><td>a<tfoot>"),
        ("<table>", "<tr><td colspan=1000>a"),
    ],
)
def test_no_list_or_table_keeps_the_converter_busy(first: str, piece: str) -> None:
    html = sanitize(first + piece * (100_000 // len(piece)))
    with cpu_time.limited_to(10):
        assert len(from_html(html)) < 500_000


def test_footnotes_lead_there_and_back() -> None:
    html = to_html("a[^1]\n\n[^1]: b\n")
    assert '<sup id="fnref-1"><a href="#fn-1"' in html
    assert '<li id="fn-1">' in html


@pytest.mark.parametrize(
    "piece", ["[", "*a ", ">", "[a](", "`", "_a ", "|a", "<", "![", "a**b", "[^", "- ", "<!--", "~~a"]
)
def test_no_text_keeps_the_parser_busy(piece: str) -> None:
    to_html(piece * (20_000 // len(piece)))


def test_a_long_gap_is_shortened_before_it_keeps_the_converter_busy() -> None:
    assert from_html("a" + " " * 1_000_000 + "b") == "a b\n"
    assert f"a{' ' * MAX_GAP}b" in from_html(f"<pre>a{' ' * 1_000}b</pre>")


@pytest.mark.parametrize("blank", [" ", "\t", "\u2003", "\u00a0"])
def test_many_blanks_do_not_keep_the_parsers_busy(blank: str) -> None:
    with cpu_time.limited_to(5):
        assert to_html(f"# a{blank * 65_000}x").startswith("<h1>a")
        from_html(f"<p>a{blank * 65_000}x</p>")
