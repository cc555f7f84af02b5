"""The parts of a markdown text that are no prose."""

import re

_FENCE = re.compile(r"^ {0,3}(`{3,}+|~{3,}+)[^\n]*+\n(.*?)(^ {0,3}\1[`~]* *$|\Z)", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>|<!--.{0,2000}?-->", re.DOTALL)
_CODE = re.compile(r"`[^`\n]{1,500}`")
_TARGET = re.compile(r"(?<=\])\([^()\n]{0,2000}\)|https?://[^\s)>]{1,2000}")
_DATA = re.compile(r"[\w'’]{101,}|[^\w\s|:=*_~`-]{101,}")
_LONG_WORD = re.compile(r"\S{101,}")
_SENTENCE = re.compile(r"[^.!?\n|]+(?:\n(?![^\S\n]*(?:\n|[-*+#>|]|\d+[.)]))[^.!?\n|]+)*(?:[.!?]+(?=\s|$)|[.!?])?")


def mask_blocks(markdown: str) -> str:
    """The text with spaces in the place of code blocks and HTML tags: indexes and lines stay."""
    return blank(_TAG, mask_code_blocks(markdown))


def mask_code_blocks(markdown: str) -> str:
    """The text with spaces in the place of code blocks."""
    return blank(_FENCE, markdown)


def mask_code(markdown: str) -> str:
    """As `mask_code_blocks`, and without code within a line."""
    return blank(_CODE, mask_code_blocks(markdown))


def mask_all(markdown: str) -> str:
    """As `mask_blocks`, and without code within a line and addresses of links."""
    return blank(_TARGET, blank(_CODE, mask_blocks(markdown)))


def mask_data(text: str) -> str:
    """The text with spaces in the place of more than 100 letters, or as many signs, side by side: links and the
    lines of tables and headings stay."""
    return blank(_DATA, text)


def mask_long_words(text: str) -> str:
    """The text with spaces in the place of words of more than 100 characters, which are data and no words."""
    return blank(_LONG_WORD, text)


def blank(pattern: re.Pattern[str], text: str) -> str:
    """The text with spaces in the place of what matches: indexes and lines stay."""
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def words(text: str) -> list[str]:
    """The words of a text, each with at least one letter or digit."""
    return re.findall(r"\w[\w'’-]*", text)


def sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text begin and end. A list's item, a heading and a cell are sentences of their own."""
    found = _SENTENCE.finditer(text)
    return [piece.span() for piece in found if re.search(r"\w", piece[0])]
