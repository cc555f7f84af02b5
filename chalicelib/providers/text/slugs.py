"""Slugs: the part of a page's address that is made from its title."""

from collections.abc import Callable
from functools import cache
from typing import Any

from chalicelib.providers import extras

MAX_LENGTH = 80
NAMELESS = "untitled"
"""The slug of a text without a letter or a digit."""


def slug(text: str) -> str:
    """Lower-case ASCII words with hyphens between them, 1 to MAX_LENGTH characters, cut between words where it can be.

    Letters of other scripts are transliterated. The slug of a slug is itself. Raises as `extras.require`.
    """
    return str(_slugify()(text[:2_000], max_length=MAX_LENGTH, word_boundary=True, save_order=True)) or NAMELESS


@cache
def _slugify() -> Callable[..., Any]:
    extras.require("studio")
    from slugify import slugify

    found: Callable[..., Any] = slugify
    return found
