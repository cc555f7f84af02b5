"""HTML as a tree of elements, for those that read or change it."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from chalicelib.providers import extras

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = frozenset(
    {"p", "div", "section", "ul", "ol", "li", "dl", "dt", "dd", "pre", "blockquote", "table", "hr", *HEADINGS}
    | {"figure", "figcaption", "details", "summary", "tr", "caption"}
)
"""Elements that begin on a line of their own."""
_LINES = BLOCKS | {"br", "td", "th"}
_LEFT_OUT = frozenset({"pre", "sup"})


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
    lines = (" ".join(line.split()) for line in "".join(_words(tree)).split("\n"))
    return "\n".join(line for line in lines if line)


def _words(node: Any) -> Iterator[str]:
    """The texts of a tree in order, with line ends around blocks. It changes nothing: each insertion into a tree takes
    as long as the element has children."""
    if node.name is None:
        yield str(node)
    elif node.name == "img":
        yield node.get("alt", "")
    elif node.name not in _LEFT_OUT:
        end = "\n" if node.name in _LINES else ""
        yield end
        for child in node.children:
            yield from _words(child)
        yield end
