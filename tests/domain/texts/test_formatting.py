"""Faults of markup: each is planted in a text that has none, and is found, alone and at its place."""

import pytest

from chalicelib.domain.texts.formatting import find_in_html, find_issues
from tests.support import cpu_time

GOOD = """# A title

Some *words* with a [link](https://x.example) and ![a picture](/i.png).

## One

- a `code [x]()` item
- **another**

```sh
# TODO: not a heading, [nor a link]()
```

## Two

| a | b |
|---|---|
| 1 | 2 |
"""
FAULTS = {
    "unclosed_code": "```py\nx = 1\n",
    "empty_heading": "##\n",
    "heading_level": "#### Deep\n",
    "several_titles": "# Another title\n",
    "repeated_heading": "## One\n",
    "heading_without_space": "##Three\n",
    "link_without_target": "See [this]().\n",
    "link_without_text": "See [](https://x.example).\n",
    "image_without_text": "See ![](/i.png).\n",
    "placeholder": "Here is TODO.\n",
    "unsafe_markup": "A <script>x</script>.\n",
    "unclosed_emphasis": "Some **bold words.\n",
    "table_columns": "| a | b |\n|---|---|\n| 1 | 2 | 3 |\n",
    "long_paragraph": "word " * 151 + "\n",
}


def test_a_text_without_faults_has_no_issue() -> None:
    assert find_issues(GOOD) == []


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_found_alone_and_at_its_line(kind: str) -> None:
    [issue] = find_issues(f"{GOOD}\n{FAULTS[kind]}")
    line = GOOD.count("\n") + 2 + (2 if kind == "table_columns" else 0)
    assert (issue.check, issue.kind, issue.line) == ("formatting", kind, line)


@pytest.mark.parametrize(
    "fault",
    [
        "[insert your name]",
        "Lorem ipsum dolor",
        "{{ title }}",
        "FIXME",
        "<b onclick='x'>c</b>",
        "[x](javascript:alert(1))",
        "<iframe src=x>",
    ],
)
def test_placeholders_and_unsafe_markup_have_many_forms(fault: str) -> None:
    assert [issue.kind for issue in find_issues(f"Some words, {fault}, and more.")] in (
        [["placeholder"]] if "<" not in fault and "javascript" not in fault else [["unsafe_markup"]]
    )


def test_a_long_text_needs_headings() -> None:
    paragraph = "word " * 100 + "\n\n"
    assert [issue.kind for issue in find_issues(paragraph * 4)] == ["no_headings"]
    assert find_issues("# T\n\n" + paragraph * 4) == []


@pytest.mark.parametrize("text", ["", "  \n", "---\n", "```\nx = 1\n```\n"])
def test_a_text_without_words_is_an_issue(text: str) -> None:
    assert [issue.kind for issue in find_issues(text)] == ["empty"]


@pytest.mark.parametrize(
    "piece", ["a|", "-|\n", "[", "**", "# ", "<!--", "`", "~~~\n", "{{", "< on", "](", "![", "a\n", " x  "]
)
def test_no_text_keeps_the_rules_busy(piece: str) -> None:
    find_issues(piece * (20_000 // len(piece)))


@pytest.mark.parametrize(
    "text",
    [
        "Some words.\n\n***\n\nMore words.",
        "- a\n- b\n\n* * *\n\nMore words.",
        "Some words:\n\n    **options in code\n\nMore words.",
        "It is 2 ** 3, or 8.",
        "Stars as \\**words.",
    ],
)
def test_stars_that_are_no_emphasis_are_no_fault(text: str) -> None:
    assert find_issues(text) == []


@pytest.mark.parametrize(
    ("html", "kinds"),
    [
        ('<a href="">words</a>', ["link_without_target"]),
        ("<a>words</a>", ["link_without_target"]),
        ('<a class="x" href=/y>words</a>', []),
        ('<a id="place">words</a>', []),
        ("<abbr>words</abbr>", []),
        ('<a href="/x"> </a>', ["link_without_text"]),
        ('<a href="/x"><img src="/i.png" alt="words"></a>', []),
        ("<h2> </h2>", ["empty_heading"]),
        ("<h2>Words</h2>", []),
    ],
)
def test_what_html_loses_as_markdown_is_found_in_it(html: str, kinds: list[str]) -> None:
    assert [issue.kind for issue in find_in_html(f"<p>Words</p>{html}")] == kinds
    assert [issue.kind for issue in find_issues(f"Words, and {html}.")] == kinds


@pytest.mark.parametrize("text", ["# " + "#" * 100_000 + "x", "# a" + "\t" * 100_000 + "x", "`" * 100_000])
def test_no_text_takes_long_to_check(text: str) -> None:
    with cpu_time.limited_to(5):
        find_issues(text)


@pytest.mark.parametrize("heading", ["## Three ##", "## Three # four", "###### ## ", "## \tThree\t"])
def test_the_marks_at_a_heading_s_end_are_no_part_of_it(heading: str) -> None:
    kinds = [issue.kind for issue in find_issues(f"{GOOD}\n{heading}\n")]
    assert kinds == (["empty_heading"] if heading.startswith("######") else [])
