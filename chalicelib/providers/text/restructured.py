"""reStructuredText from and to HTML."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from chalicelib.errors import InvalidRequest
from chalicelib.providers import extras
from chalicelib.providers.text import trees
from chalicelib.providers.text.sanitizing import sanitize
from chalicelib.providers.text.trees import BLOCKS, HEADINGS

APART = "\0"
"""Stands at both ends of markup within a paragraph. HTML has no such character."""
UNDERLINES = dict(zip(HEADINGS, "=-~^\"'", strict=True))
_SETTINGS = {
    # A text can include no file, write no markup of its own and read no configuration.
    "raw_enabled": False,
    "file_insertion_enabled": False,
    "_disable_config": True,
    "report_level": 2,
    "halt_level": 5,
    "doctitle_xform": False,
    "initial_header_level": 1,
    "syntax_highlight": "none",
    "math_output": "LaTeX",
    "line_length_limit": 1_000_000,
    "id_prefix": "rst-",
}


MAX_CHARACTERS = 20_000
"""What docutils takes for a text grows with the square of some of its parts."""
MAX_CELLS = 100_000
"""Of a table, each row of which has as many cells as the longest."""
MAX_MISTAKES = 100
"""Each costs a search through the text and an element: a text of mistakes alone would take minutes."""


class _MistakeCounter:
    """The stream to which docutils reports mistakes."""

    def __init__(self) -> None:
        self._count = 0

    def write(self, _report: str) -> None:
        self._count += 1
        if self._count > MAX_MISTAKES:
            raise _refused(f"it has more than {MAX_MISTAKES} mistakes as reStructuredText: is it in another markup?")


def _refused(problem: str) -> InvalidRequest:
    return InvalidRequest(f"content: {problem}", fields={"content": problem})


def to_html(text: str) -> str:
    """The reStructuredText as safe HTML. What is a mistake in it is shown as it is, or left out.

    Raises InvalidRequest for a text with too many of them or too many characters, and as `extras.require`.
    """
    if len(text) > MAX_CHARACTERS:
        raise _refused(f"at most {MAX_CHARACTERS:,} characters of reStructuredText can be read")
    settings = _SETTINGS | {"warning_stream": _MistakeCounter()}
    tree = trees.parse(_publisher()(text, writer="html5", settings_overrides=settings)["body"])
    _simplify(tree)
    # The directive `unicode` can name half a character.
    return sanitize(str(tree).encode(errors="replace").decode()).strip() + "\n"


@cache
def _publisher() -> Callable[..., dict[str, str]]:
    extras.require("studio")
    from docutils.core import publish_parts
    from docutils.parsers.rst import directives
    from docutils.parsers.rst.directives.misc import Replace

    class FlatReplace(Replace):  # type: ignore[misc]
        """Refuses substitutions within substitutions: nine lines of them can make a gigabyte."""

        def run(self) -> Any:
            if "|" in "".join(self.content):
                raise self.error("A substitution stands within a substitution.")
            return super().run()

    directives.register_directive("replace", FlatReplace)
    publish: Callable[..., dict[str, str]] = publish_parts
    return publish


def _simplify(tree: Any) -> None:
    """Replace what docutils has for lines, code and sections by what other writers of HTML have."""
    for message in tree.select(".system-message, .system-messages"):
        message.decompose()
    for mistake in tree.select("a:has(> .problematic)"):
        mistake.unwrap()
    for literal in tree.select("span.literal"):
        literal.name, literal.attrs = "code", {}
    for block in tree.select("pre.literal-block"):
        language = next((name for name in block["class"] if name not in ("code", "literal-block")), None)
        code = block.code or block.wrap(tree.new_tag("pre"))
        code.name, code.attrs = ("code", {"class": f"language-{language}"} if language else {})
        if block is code:
            continue
    for lines in tree.select("div.line-block"):
        for line in lines.select("div.line")[:-1]:
            line.append(tree.new_tag("br"))
        lines.name = "p"
    for wrapper in tree.select("section, div, aside, main, p div"):
        wrapper.unwrap()
    for image in tree.find_all("img"):
        if image.parent.name in {tree.name, "li", "dd", "blockquote"}:
            image.wrap(tree.new_tag("p"))
    for paragraph in tree.select("li > p:only-child, td > p:only-child, th > p:only-child"):
        paragraph.unwrap()


def from_html(html: str) -> str:
    """Safe HTML as reStructuredText. Emphasis within emphasis loses the inner one, which the language does not have.

    Raises InvalidRequest for a table of more than MAX_CELLS."""
    return "\n\n".join(_blocks(trees.parse(html))) + "\n"


def _blocks(parent: Any) -> list[str]:
    """The blocks of an element. Text beside blocks is a paragraph."""
    blocks, inline = [], list[Any]()
    for child in parent.children:
        if child.name in BLOCKS:
            blocks += [*_paragraph(inline), *_block(child)]
            inline = []
        else:
            inline.append(child)
    return [*blocks, *_paragraph(inline)]


def _paragraph(nodes: list[Any]) -> list[str]:
    text = "".join(map(_inline, nodes)).strip()
    lines = [_escape_start(_separated(" ".join(line.split()))) for line in text.split("\v")]
    return ["\n".join(f"| {line}" for line in lines)] if len(lines) > 1 else [line for line in lines if line]


def _separated(line: str) -> str:
    """The line with a separator that is not shown where markup touches a letter: it would be none without."""
    return re.sub(rf"(?<=\s){APART}|^{APART}|{APART}(?=\s|$)", "", line).replace(APART, "\\ ")


def _block(element: Any) -> list[str]:
    match element.name:
        case "pre":
            return [_code(element)]
        case "blockquote":
            return ["..\n\n" + _indent("\n\n".join(blocks))] if (blocks := _blocks(element)) else []
        case "ul" | "ol":
            return [_list(element)]
        case "table":
            return [_table(element)]
        case "p" if (image := element.find("img")) and element.get_text().strip() == "" and image.get("src"):
            return [f".. image:: {image['src']}" + (f"\n   :alt: {alt}" if (alt := image.get("alt")) else "")]
        case "hr":
            return ["----"]
        case name if name in UNDERLINES:
            title = "".join(_paragraph(list(element.children))).replace("\n", " ")
            return [f"{title}\n{UNDERLINES[name] * max(4, _width(title))}"] if title else []
    return _blocks(element) if any(child.name in BLOCKS for child in element.children) else _paragraph([*element])


def _code(element: Any) -> str:
    names = element.code.get("class", []) if element.code else []
    language = names[0].removeprefix("language-") if names else ""
    return f".. code:: {language}".rstrip() + "\n\n" + _indent(element.get_text().strip("\n"))


def _list(element: Any) -> str:
    items = []
    for number, item in enumerate(element.find_all("li", recursive=False), trees.number(element, "start")):
        mark = f"{number}. " if element.name == "ol" else "- "
        items.append(mark + _indent("\n\n".join(_blocks(item)), " " * len(mark)).lstrip())
    return "\n\n".join(items)


def _table(element: Any) -> str:
    # Without those of tables within it: each would be written again at every level.
    own = (row for row in element.find_all("tr") if row.find_parent("table") is element)
    rows = [row.find_all(["td", "th"], recursive=False) for row in own]
    columns = max((len(row) for row in rows), default=0)
    if len(rows) * columns > MAX_CELLS:
        raise _refused(f"a table of {len(rows):,} rows and {columns:,} columns is too large for reStructuredText")
    has_header = bool(rows) and all(cell.name == "th" for cell in rows[0])
    lines = [".. list-table::", *(["   :header-rows: 1"] if has_header and len(rows) > 1 else []), ""]
    for row in rows:
        cells = [" ".join(" ".join(_blocks(cell)).split()) for cell in row] + [""] * (columns - len(row))
        lines += [f"   {'*' if not index else ' '} - {cell}".rstrip() for index, cell in enumerate(cells)]
    return "\n".join(lines)


_MARKS = {"em": "*", "i": "*", "strong": "**", "b": "**", "code": "``"}


def _inline(node: Any) -> str:
    """One piece of a paragraph; a vertical tab is a line's end."""
    if node.name is None:
        return _escape(str(node)).replace("\v", " ")
    if node.name == "br":
        return "\v"
    if node.name == "img":
        return _link(node.get("alt") or "image", node.get("src", ""))
    text = " ".join(node.get_text().split())
    if node.name == "a" and node.get("href") and text:
        return _link(text, node["href"])
    mark = _MARKS.get(node.name)
    if mark is None or not text:
        return "".join(map(_inline, node.children))
    return f"{APART}{mark}{text if mark == '``' else _escape(text)}{mark}{APART}"


def _link(text: str, url: str) -> str:
    label = re.sub(r"([\\`<])", r"\\\1", text)
    return f"{APART}`{label} <{url}>`__{APART}"


def _escape(text: str) -> str:
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def _escape_start(line: str) -> str:
    """A paragraph's line that does not begin as another block would."""
    return re.sub(r"^(?=([-+•‣⁃]|\(?\w{1,6}[.)]|\.\.|:|>>>)(\s|$|\w+:)|[^\w\s\\]{3,}$)", r"\\", line)


def _indent(text: str, by: str = "   ") -> str:
    return "\n".join(by + line if line else line for line in text.split("\n"))


def _width(text: str) -> int:
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
