"""Messages of commits: which are accepted."""

import unicodedata

_ALLOWED = frozenset("\t\n\r")


def is_message(text: str) -> bool:
    """Whether git and terminals show the whole text: it has no control characters but tabs and line breaks.

    git cuts a message off at a NUL, and its check (`git fsck`) warns of one.
    """
    return all(letter in _ALLOWED or unicodedata.category(letter) != "Cc" for letter in text)
