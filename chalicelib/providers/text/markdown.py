"""Markdown to HTML, and back."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from chalicelib.providers import extras
from chalicelib.providers.text import trees
from chalicelib.providers.text.sanitizing import sanitize

MAX_GAP = 200
"""Spaces side by side, which only code shows. The time of both packages grows with the square of their number."""
MAX_SPANNED = 10_000
"""Columns that cells of more than one column take in a text."""
_LONG_GAP = re.compile(rf"[^\S\n]{{{MAX_GAP},}}")
PLUGINS = ("table", "strikethrough", "footnotes")


def to_html(markdown: str) -> str:
    """The markdown as safe HTML: CommonMark with tables, strikethrough and footnotes. HTML within it is kept as far as
    `sanitize` keeps it. Raises as `extras.require`."""
    return sanitize(_renderer()(_LONG_GAP.sub(" " * MAX_GAP, markdown)))


def from_html(html: str) -> str:
    """Safe HTML as markdown. Raises as `extras.require`."""
    tree = trees.parse(_LONG_GAP.sub(" " * MAX_GAP, html))
    for prepare in (_number_items, _limit_spans, _mark_headed):
        prepare(tree)
    return str(_converter().convert_soup(tree)).strip() + "\n"


def _number_items(tree: Any) -> None:
    """Give each item of a numbered list its number. The package would count the items before it for each."""
    for numbered in tree.find_all("ol"):
        for number, item in enumerate(numbered.find_all("li", recursive=False), trees.number(numbered, "start")):
            item["value"] = number


def _limit_spans(tree: Any) -> None:
    """Have cells take no more than one column where those before have taken MAX_SPANNED columns."""
    left = MAX_SPANNED
    for cell in tree.find_all(["td", "th"], colspan=True):
        span = max(1, trees.number(cell, "colspan"))
        left -= span
        cell["colspan"] = str(span if left >= 0 else 1)


def _mark_headed(tree: Any) -> None:
    """Mark the bodies of tables that have a head. The package would look for it through the whole table for each."""
    for table in tree.find_all("table"):
        sections = table.find_all(True, recursive=False)
        if any(section.name == "thead" for section in sections):
            for section in sections[1:]:
                section["headed"] = str(section.name == "tbody")


@cache
def _converter() -> Any:
    extras.require("studio")
    import markdownify

    base: Any = markdownify.MarkdownConverter

    class Converter(base):  # type: ignore[misc]
        """Keeps the alignment of columns, and takes no time that grows with the square of a list or a table."""

        def convert_tr(self, row: Any, text: str, **_context: Any) -> str:
            line, section = f"|{text}\n", row.parent
            if row.find_previous_sibling() is not None:
                return line
            cells = row.find_all(["td", "th"], recursive=False)
            marks = [mark for cell in cells for mark in _column_marks(cell)]
            is_only_row_of_head = section.name == "thead" and row.find_next_sibling() is None
            if is_only_row_of_head or all(cell.name == "th" for cell in cells):
                return f"{line}| {' | '.join(marks)} |\n"
            if section.get("headed") == "True":
                return line
            return f"| {' | '.join([''] * len(marks))} |\n| {' | '.join(marks)} |\n{line}"

        def convert_li(self, item: Any, text: str, parent_tags: Any) -> str:
            if item.parent.name != "ol" or not text.strip():
                return str(super().convert_li(item, text, parent_tags))
            mark = f"{item['value']}. "
            return mark + _LINE_START.sub(" " * len(mark), text.strip()).lstrip() + "\n"

    return Converter(heading_style="ATX", bullets="-", escape_misc=True, code_language_callback=_language)


_LINE_START = re.compile(r"^(?=.)", re.MULTILINE)
_ALIGNMENTS = {"text-align:left": ":--", "text-align:center": ":-:", "text-align:right": "--:"}


def _column_marks(cell: Any) -> list[str]:
    """What stands in the line below a head for each column that a cell takes."""
    return [_ALIGNMENTS.get(cell.get("style"), "---"), *["---"] * (min(1_000, int(cell.get("colspan", 1))) - 1)]


def _language(block: Any) -> str:
    names = block.code.get("class", []) if block.code else []
    return names[0].removeprefix("language-") if names else ""


@cache
def _renderer() -> Callable[[str], str]:
    extras.require("studio")
    import mistune

    render: Callable[[str], str] = mistune.create_markdown(escape=False, plugins=list(PLUGINS))
    return render
