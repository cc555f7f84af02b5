"""HTML as a tree of elements, for those that read or change it."""

from collections.abc import Callable
from functools import cache
from typing import Any

from chalicelib.providers import extras

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = frozenset(
    {"p", "div", "section", "ul", "ol", "li", "dl", "dt", "dd", "pre", "blockquote", "table", "hr", *HEADINGS}
    | {"figure", "figcaption", "details", "summary", "tr", "caption"}
)
"""Elements that begin on a line of their own."""


def parse(html: str) -> Any:
    """The tree of an HTML text, a `bs4.BeautifulSoup`. Raises as `extras.require`."""
    return _parser()(html, "html.parser")


@cache
def _parser() -> Callable[..., Any]:
    extras.require("studio")
    from bs4 import BeautifulSoup

    parser: Callable[..., Any] = BeautifulSoup
    return parser


def plain_text(tree: Any) -> str:
    """The words of a tree, each block on a line of its own; of images their alternative text, code left out."""
    copy = parse(str(tree))
    for element in copy.find_all(["pre", "sup"]):
        element.decompose()
    for image in copy.find_all("img"):
        image.replace_with(image.get("alt", ""))
    for block in copy.find_all([*BLOCKS, "br", "td", "th"]):
        block.insert_before("\n")
        block.insert_after("\n")
    lines = (" ".join(line.split()) for line in copy.get_text().split("\n"))
    return "\n".join(line for line in lines if line)
