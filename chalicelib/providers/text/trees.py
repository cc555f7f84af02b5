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
MAX_DIGITS = 6
_LINES = BLOCKS | {"br", "td", "th"}
_INDENTED = frozenset({"blockquote", "li", "dd"})
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


def number(element: Any, attribute: str) -> int:
    """The number that an attribute is; 1 where it is none, or one of more than six digits."""
    text = str(element.get(attribute, 1))
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else 1


def count_indents(node: Any, level: int = 0) -> int:
    """How many quotes and lists the lines of a tree stand in, summed over the lines: a text of markup shows each of
    them in each line."""
    if node.name is None:
        return level * str(node).count("\n")
    inner = level + (node.name in _INDENTED)
    return level * (node.name in _LINES) + sum(count_indents(child, inner) for child in node.children)


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
