"""Spellings of an email address that are one address."""

import re
import unicodedata

_IGNORED = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Invisible characters that are no format characters: joiners, fillers and variation selectors (Unicode's
Default_Ignorable_Code_Point)."""


def normalize(email: str) -> str:
    """The address as it is stored and shown: in compatible characters (NFKC), without invisible ones and without dots
    at its end. Normalizing twice changes nothing."""
    seen = without_invisible(unicodedata.normalize("NFKC", email))
    # Characters that an invisible one separated may combine now.
    return without_invisible(unicodedata.normalize("NFKC", seen)).strip().rstrip(".")


def without_invisible(text: str) -> str:
    """The text without invisible characters."""
    return "".join(one for one in _IGNORED.sub("", text) if unicodedata.category(one) != "Cf")


def unique_key(email: str) -> str:
    """The key that all spellings of an email address have in common, whatever their case."""
    return stored_key(normalize(email))


def stored_key(email: str) -> str:
    """The key of a stored address: `unique_key` of a normalized one. Older addresses were stored as they were."""
    return email.strip().lower()
