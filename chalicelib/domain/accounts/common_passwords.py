"""Which passwords are among the first that anybody tries (NIST SP 800-63B-4, section 3.1.1.2)."""

import unicodedata
from collections.abc import Container, Iterable
from itertools import pairwise

from chalicelib.domain.accounts.email_addresses import without_invisible

FEWEST_CHARACTERS = 4
"""Different ones: fewer make "abababab"."""
FEWEST_OF_ITS_OWN = 4
"""What must be left of a password besides the words that it is about."""
SHORTEST_WORD = 4


def weakness(password: str, common: Container[str], about: Iterable[str] = ()) -> str | None:
    """What makes the password easy to guess, as a clause about it; None where nothing here does.

    `common` are passwords in lower case that many people have. `about` says whose it is: an email address, a name.
    """
    plain = "".join(_compatible(password).split())
    if plain in common or password.casefold() in common:
        return "is one that many people have; choose another"
    if len(set(plain)) < FEWEST_CHARACTERS:
        return f"must have at least {FEWEST_CHARACTERS} different characters that can be seen"
    if _is_run(plain):
        return "is a run of neighbouring characters; choose another"
    if any(len(plain.replace(word, "")) < FEWEST_OF_ITS_OWN for word in _words(about)):
        return "is too much like your name or your email address; choose another"
    return None


def _compatible(text: str) -> str:
    """The text in compatible characters (NFKC), lower case, without those that nobody sees."""
    return without_invisible(unicodedata.normalize("NFKC", text)).casefold()


def _is_run(text: str) -> bool:
    """Whether each character follows the one before, up or down: 23456789, hgfedcba."""
    steps = {ord(one) - ord(before) for before, one in pairwise(text)}
    return steps in ({1}, {-1})


def _words(about: Iterable[str]) -> set[str]:
    """The texts, and their parts, as they would stand in a password."""
    texts = [_compatible(one) for one in about]
    whole = {"".join(text.split()) for text in texts}
    parts = {part for text in texts for part in text.replace("@", " ").replace(".", " ").split()}
    local = {text.partition("@")[0] for text in texts}
    return {word for word in whole | parts | local if len(word) >= SHORTEST_WORD}
