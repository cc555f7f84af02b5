"""Make HTML safe to serve: what is left can run no script, load no frame and change nothing outside its own place.

Public pages show what tenants wrote, and browsers run what pages show.
"""

import re
from collections import Counter
from functools import cache
from html import escape
from types import ModuleType

from chalicelib.providers import extras

_TAGS = """
a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 h5
h6 hr i img ins kbd li mark ol p pre q s samp section small span strong sub summary sup table tbody td tfoot th thead tr
u ul var
"""
TAGS = frozenset(_TAGS.split())
ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "code": {"class"},
    "img": {"src", "alt", "title", "width", "height"},
    "li": {"id"},
    "ol": {"start"},
    "sup": {"id"},
    "td": {"colspan", "rowspan", "style"},
    "th": {"colspan", "rowspan", "scope", "style"},
}
"""No `name`, and no `id` but a footnote's: a page's own scripts could be given an element in the place of a value."""
LANGUAGE = re.compile(r"language-[\w+#.-]{1,30}", re.ASCII)
"""The classes that are kept: they say which language a piece of code is in."""
FOOTNOTE = re.compile(r"fn(ref)?-[0-9]{1,4}", re.ASCII)
"""The ids that are kept: a footnote's, and those of the place that refers to it."""
ALIGNMENT = re.compile(r"text-align: ?(left|right|center);?")
"""The styles that are kept: they align the cells of a table."""
_KEPT = {"id": FOOTNOTE, "style": ALIGNMENT}
SCHEMES = {"http", "https", "mailto"}
REMOVED_WITH_CONTENT = {"script", "style", "template", "title", "textarea", "noscript", "svg", "math", "xmp"}
MAX_DEPTH = 200
"""Elements within one another. A parser's time grows with the square of the depth."""
MAX_COPIES = 1_000
MAX_COPIES_PER_TAG = 3
"""Elements of FORMATTING that may be open, summed over the tags: a parser repeats those that their paragraph leaves
open in each of the next ones, so that a page can become a thousand times as long."""
MAX_GROWTH = 10
"""How many times as long as the HTML its attributes may be, which are repeated with their elements."""
FORMATTING = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_WITHOUT_END = frozenset({"br", "col", "dd", "dt", "hr", "img", "input", "li", "p", "td", "th", "tr"})


def sanitize(html: str) -> str:
    """The HTML with nothing but known tags and attributes. What is not HTML, and HTML of more than MAX_DEPTH or with
    too much formatting left open, is escaped. The same HTML again is left as it is. Raises as `extras.require`."""
    if _is_entangled(html):
        return escape(html, quote=False)
    cleaned: str = _nh3().clean(
        html,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=_AttributeFilter(MAX_GROWTH * len(html)),
        clean_content_tags=REMOVED_WITH_CONTENT,
        url_schemes=SCHEMES,
        strip_comments=True,
        link_rel="noopener noreferrer",
    )
    return cleaned


def _is_entangled(html: str) -> bool:
    """Whether elements stand too deep within one another, or too much formatting is left open."""
    open_elements = Counter[str]()
    depth = tags = formatting = copies = 0
    for end, tag in _TAG.findall(html.lower()):
        tags, copies = tags + 1, copies + formatting
        is_link_after_link = tag == "a" and not end and open_elements[tag]  # it ends the one before
        if tag in _WITHOUT_END or is_link_after_link or (end and not open_elements[tag]):
            continue
        change = -1 if end else 1
        open_elements[tag] += change
        depth += change
        formatting += change if tag in FORMATTING else 0
        if depth > MAX_DEPTH:
            return True
    return copies > MAX_COPIES + MAX_COPIES_PER_TAG * tags


class _AttributeFilter:
    """Keeps attributes of known values, `most` characters of them at most."""

    def __init__(self, most: int) -> None:
        self._left = most

    def __call__(self, _tag: str, attribute: str, value: str) -> str | None:
        self._left -= len(value)
        return _filter_attribute(attribute, value) if self._left >= 0 else None


def _filter_attribute(attribute: str, value: str) -> str | None:
    if attribute == "class":
        return next(filter(LANGUAGE.fullmatch, value.split()), None)
    kept = _KEPT.get(attribute)
    return value if kept is None or kept.fullmatch(value) else None


@cache
def _nh3() -> ModuleType:
    extras.require("studio")
    import nh3

    module: ModuleType = nh3
    return module
