"""Texts from one markup to another, by way of safe HTML."""

from typing import Any, Literal

from chalicelib.errors import InvalidRequest
from chalicelib.providers.text import markdown, restructured, trees
from chalicelib.providers.text.sanitizing import sanitize

MAX_INDENTS = 200_000
"""Quotes and lists that lines stand in, summed over the lines of a text."""
Markup = Literal["markdown", "html", "rst"]


def detect(text: str) -> Markup:
    """`html` for a text that begins with a tag, else `markdown`; that a text is reStructuredText has to be said."""
    start = text.lstrip()[:20]
    return "html" if start[:1] == "<" and (start[1:2].isalpha() or start[1:2] in "!/") else "markdown"


def to_tree(text: str, markup: Markup) -> Any:
    """The text as a tree of safe HTML. Raises InvalidRequest where it is nested too deeply, and as `extras.require`."""
    to_html = {"markdown": markdown.to_html, "html": sanitize, "rst": restructured.to_html}[markup]
    try:
        return trees.parse(to_html(text))
    except RecursionError:
        raise _too_deep() from None


def from_tree(tree: Any, markup: Markup) -> str:
    """A tree of safe HTML as a text. Raises as `to_tree`."""
    try:
        if markup != "html" and trees.count_indents(tree) > MAX_INDENTS:
            raise _too_deep()
        html = str(tree)
        return {"markdown": markdown.from_html, "html": sanitize, "rst": restructured.from_html}[markup](html)
    except RecursionError:
        raise _too_deep() from None


def convert(text: str, source: Markup, target: Markup) -> str:
    """The text in another markup. Raises as `to_tree`."""
    return from_tree(to_tree(text, source), target)


def _too_deep() -> InvalidRequest:
    return InvalidRequest("content: it is nested too deeply", fields={"content": "it is nested too deeply"})
