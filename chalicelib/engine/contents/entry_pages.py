"""Find a page anywhere in a list without reading what is before it."""

from chalicelib.domain.contents.content import Entry
from chalicelib.storage.contents import lists

NEAR_ENTRIES = 1_000
"""Entries of a list within which a page is found with one call."""


def find_entries(org: str, name: str, limit: int, offset: int) -> list[Entry]:
    """The entries of a list from `offset` on, highest number first. One call near the list's beginning, else two."""
    if offset + limit <= NEAR_ENTRIES:
        return lists.read_entries(org, name, offset + limit)[offset:]
    skipped = offset
    for block, count in lists.read_blocks(org, name).items():
        if skipped < count:
            return lists.read_entries(org, name, skipped + limit, block)[skipped:]
        skipped -= count
    return []
