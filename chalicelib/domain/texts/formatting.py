"""What is wrong with the markup of a markdown text."""

import re
from collections.abc import Callable, Iterator

from chalicelib.domain.texts import markup
from chalicelib.domain.texts.issues import Issue, Severity, issue_at

LONG_PARAGRAPH_WORDS = 150
HEADINGS_EXPECTED_WORDS = 300
_HEADING = re.compile(r"^ {0,3}(#{1,6})(?:#*[ \t]*$|[ \t]+(.*)$)", re.MULTILINE)
_EMPHASIS = re.compile(r"(?<!\\)\*\*(?=\S)|(?<=[^\s\\])\*\*")
"""Two stars between spaces are no emphasis."""
_NO_EMPHASIS = re.compile(r"^ {0,3}(?:\*[ \t]*){3,}$|^(?: {4}|\t).*$", re.MULTILINE)
"""A line across the page, and indented code."""
_UNSAFE = re.compile(
    r"<\s*(?:script|iframe|object|embed|style|form|svg|link|meta|base)\b|<[^<>]{1,200}\son\w+\s*=|javascript\s*:", re.I
)
_PLACEHOLDER = re.compile(
    r"\b(?:TODO|TBD|FIXME|XXX)\b|\b[Ll]orem ipsum\b"
    r"|\[(?:[Ii]nsert|[Yy]our|[Aa]dd) [^\]\n]{1,60}\](?!\()|\{\{[^{}\n]{1,60}\}\}"
)
_Pattern = tuple[str, Severity, str, re.Pattern[str]]
_NO_TARGET: tuple[str, Severity, str] = ("link_without_target", "error", "The link leads nowhere.")
_NO_TEXT: tuple[str, Severity, str] = ("link_without_text", "error", "The link has no text.")
_PATTERNS: tuple[_Pattern, ...] = (
    (*_NO_TARGET, re.compile(r"(?<!!)\[[^\]\n]{1,200}\]\(\s*\)")),
    (*_NO_TEXT, re.compile(r"(?<!!)\[\s*\]\([^)\n]{1,500}\)")),
    (
        "image_without_text",
        "warning",
        "The image has no alternative text for those who cannot see it.",
        re.compile(r"!\[\s*\]\([^)\n]{1,500}\)"),
    ),
    (
        "heading_without_space",
        "warning",
        "A heading needs a space after its marks.",
        re.compile(r"^#{1,6}[A-Za-z][^\n]{0,200}$", re.MULTILINE),
    ),
    ("placeholder", "error", "The text has a placeholder.", _PLACEHOLDER),
)
_HTML_PATTERNS: tuple[_Pattern, ...] = (
    ("unsafe_markup", "error", "This markup is removed when the text is published.", _UNSAFE),
    (*_NO_TARGET, re.compile(r"<a(?![^<>]{0,500}?\s(?:href\s*=\s*[\"']?[^\s\"'>]|id|name))(?:\s[^<>]{0,500})?>", re.I)),
    (*_NO_TEXT, re.compile(r"<a\s[^<>]{0,500}>\s{0,100}</a\s*>", re.I)),
    (
        "empty_heading",
        "error",
        "The heading has no text.",
        re.compile(r"<h([1-6])[^<>]{0,500}>\s{0,100}</h\1\s*>", re.I),
    ),
)


def find_issues(markdown: str) -> list[Issue]:
    """The faults of a text's markup, by line. Code is not looked at."""
    prose = markup.mask_all(markdown) if markdown.strip() else ""
    if not markup.words(prose):
        return [Issue("formatting", "empty", "error", "The text has no words.")]
    visible = markup.mask_code(markdown)
    issues = _find(_PATTERNS, markdown, visible) + _find(_HTML_PATTERNS, markdown, visible)
    for rule in _RULES:
        issues += rule(markdown, visible)
    return sorted(issues, key=lambda issue: issue.line or 0)


def find_in_html(html: str) -> list[Issue]:
    """The faults of HTML that are lost when it becomes markdown: what is unsafe, and what is empty."""
    return _find(_HTML_PATTERNS, html, html)


def _find(patterns: tuple[_Pattern, ...], text: str, visible: str) -> list[Issue]:
    return [
        _issue(text, match.span(), kind, severity, message)
        for kind, severity, message, pattern in patterns
        for match in pattern.finditer(visible)
    ]


def _issue(text: str, span: tuple[int, int], kind: str, severity: Severity, message: str) -> Issue:
    return issue_at(text, span, "formatting", kind, severity, message)


def _unclosed_code(text: str, _visible: str) -> Iterator[Issue]:
    opening: re.Match[str] | None = None
    for fence in re.finditer(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$", text, re.MULTILINE):
        if opening is None:
            opening = fence
        elif fence[1].startswith(opening[1]) and not fence[2].strip():
            opening = None
    if opening is not None:
        yield _issue(text, opening.span(), "unclosed_code", "error", "The code block does not end.")


def _headings(text: str, visible: str) -> Iterator[Issue]:
    before, titles, seen = 0, 0, set[str]()
    for heading in _HEADING.finditer(visible):
        level, words = len(heading[1]), (heading[2] or "").rstrip(" \t#").strip()
        if not words:
            yield _issue(text, heading.span(), "empty_heading", "error", "The heading has no text.")
            continue
        if before and level > before + 1:
            message = f"A heading of level {level} follows one of level {before}: a level is left out."
            yield _issue(text, heading.span(), "heading_level", "warning", message)
        titles += level == 1
        if level == 1 and titles > 1:
            yield _issue(text, heading.span(), "several_titles", "warning", "The text has more than one title.")
        if words.lower() in seen:
            yield _issue(text, heading.span(), "repeated_heading", "warning", "Another heading has the same text.")
        seen.add(words.lower())
        before = level


def _paragraphs(text: str, visible: str) -> Iterator[Issue]:
    for paragraph in re.finditer(r"(?:^(?![ \t]*$).*\n?)+", visible, re.MULTILINE):
        count = len(markup.words(paragraph[0]))
        is_prose = not re.match(r"\s*([-*+>|#]|\d+[.)])", paragraph[0])
        if is_prose and count > LONG_PARAGRAPH_WORDS:
            message = f"The paragraph has {count} words: divide it."
            yield _issue(text, paragraph.span(), "long_paragraph", "warning", message)
        marks = list(_EMPHASIS.finditer(markup.blank(_NO_EMPHASIS, paragraph[0])))
        if len(marks) % 2:
            at = paragraph.start() + marks[-1].start()
            yield _issue(text, (at, at + 30), "unclosed_emphasis", "error", "The emphasis does not end.")


def _tables(text: str, visible: str) -> Iterator[Issue]:
    columns, before, at = 0, "", 0
    for line in visible.splitlines(keepends=True):
        if "|" not in line:
            columns = 0
        elif not columns and "|" in before and not line.strip(" \t\n|:-"):
            columns = _cells(before)
        if columns and _cells(line) != columns:
            message = f"The row has {_cells(line)} cells, the table {columns} columns."
            yield _issue(text, (at, at + len(line)), "table_columns", "error", message)
        before, at = line, at + len(line)


def _cells(line: str) -> int:
    return line.strip().removeprefix("|").removesuffix("|").replace("\\|", "").count("|") + 1


def _structure(_text: str, visible: str) -> Iterator[Issue]:
    count = len(markup.words(visible))
    if count > HEADINGS_EXPECTED_WORDS and not _HEADING.search(visible):
        yield Issue("formatting", "no_headings", "warning", f"The text has {count} words and no heading.")


_RULES: tuple[Callable[[str, str], Iterator[Issue]], ...] = (
    _unclosed_code,
    _headings,
    _paragraphs,
    _tables,
    _structure,
)
