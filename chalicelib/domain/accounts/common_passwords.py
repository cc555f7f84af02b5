"""Passwords that are easy to guess (NIST SP 800-63B-4, section 3.1.1.2)."""

import unicodedata
from collections.abc import Container, Iterable
from itertools import pairwise

from chalicelib.domain.accounts.email_addresses import without_invisible

MIN_DISTINCT_CHARACTERS = 4
"""A password of fewer different characters is like "abababab"."""
MIN_OWN_CHARACTERS = 4
"""Characters of a password besides its owner's name and email address."""
MIN_WORD_LENGTH = 4


def weakness(password: str, common: Container[str], about: Iterable[str] = ()) -> str | None:
    """Why the password is easy to guess, as a clause about it; None when it is not.

    `common` are passwords in lower case that many people have. `about` are texts about its owner.
    """
    plain = "".join(_fold(password).split())
    if plain in common or password.casefold() in common:
        return "is one that many people have; choose another"
    if len(set(plain)) < MIN_DISTINCT_CHARACTERS:
        return f"must have at least {MIN_DISTINCT_CHARACTERS} different characters that can be seen"
    if _is_run(plain):
        return "is a run of neighbouring characters; choose another"
    if any(len(plain.replace(word, "")) < MIN_OWN_CHARACTERS for word in _words(about)):
        return "is too much like your name or your email address; choose another"
    return None


def _fold(text: str) -> str:
    """The text in compatible characters (NFKC), lower case, without those that nobody sees."""
    return without_invisible(unicodedata.normalize("NFKC", text)).casefold()


def _is_run(text: str) -> bool:
    """Whether each character follows the one before, up or down: 23456789, hgfedcba."""
    steps = {ord(one) - ord(before) for before, one in pairwise(text)}
    return steps in ({1}, {-1})


def _words(about: Iterable[str]) -> set[str]:
    """The texts, and their parts, as they would stand in a password."""
    texts = [_fold(one) for one in about]
    whole = {"".join(text.split()) for text in texts}
    parts = {part for text in texts for part in text.replace("@", " ").replace(".", " ").split()}
    local = {text.partition("@")[0] for text in texts}
    return {word for word in whole | parts | local if len(word) >= MIN_WORD_LENGTH}
