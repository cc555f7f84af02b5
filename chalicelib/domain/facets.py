"""By what a task can be found, as pure text: what it is filed under, and the words of a text."""

import re
import unicodedata

LONGEST_WORD = 32
"""Characters by which a word is known; whatever follows is cut off, also where one is looked for."""
MOST_WORDS = 200
"""Distinct words of a text by which it is found: the first ones."""
# What is written without spaces is known by each of its characters.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


def words(text: str) -> tuple[str, ...]:
    """The distinct words of a text, in order, without case and diacritics: at most MOST_WORDS of them."""
    found = (word[:LONGEST_WORD] for word in _WORD.findall(_folded(text)))
    return tuple(dict.fromkeys(found))[:MOST_WORDS]


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in apart if unicodedata.category(character) != "Mn")
