"""Markdown to HTML, and back."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from chalicelib.providers import extras
from chalicelib.providers.text.sanitizing import sanitize

MAX_GAP = 200
"""Spaces side by side, which only code shows. The time of both packages grows with the square of their number."""
_LONG_GAP = re.compile(rf"[^\S\n]{{{MAX_GAP},}}")
PLUGINS = ("table", "strikethrough", "footnotes")


def to_html(markdown: str) -> str:
    """The markdown as safe HTML: CommonMark with tables, strikethrough and footnotes. HTML within it is kept as far as
    `sanitize` keeps it. Raises as `extras.require`."""
    return sanitize(_renderer()(_LONG_GAP.sub(" " * MAX_GAP, markdown)))


def from_html(html: str) -> str:
    """Safe HTML as markdown. Raises as `extras.require`."""
    return str(_converter().convert(_LONG_GAP.sub(" " * MAX_GAP, html))).strip() + "\n"


@cache
def _converter() -> Any:
    extras.require("studio")
    import markdownify

    base: Any = markdownify.MarkdownConverter

    class Converter(base):  # type: ignore[misc]
        """Keeps the alignment of columns."""

        def convert_tr(self, row: Any, text: str, parent_tags: Any) -> str:
            cells = row.find_all(["td", "th"])
            marks = " | ".join(_ALIGNMENTS.get(cell.get("style"), "---") for cell in cells)
            lines: str = super().convert_tr(row, text, parent_tags)
            return lines.replace(" | ".join(["---"] * len(cells)), marks)

    return Converter(heading_style="ATX", bullets="-", escape_misc=True, code_language_callback=_language)


_ALIGNMENTS = {"text-align:left": ":--", "text-align:center": ":-:", "text-align:right": "--:"}


def _language(block: Any) -> str:
    names = block.code.get("class", []) if block.code else []
    return names[0].removeprefix("language-") if names else ""


@cache
def _renderer() -> Callable[[str], str]:
    extras.require("studio")
    import mistune

    render: Callable[[str], str] = mistune.create_markdown(escape=False, plugins=list(PLUGINS))
    return render
