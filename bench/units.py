"""Capacity units by DynamoDB's published rules, because moto reports made-up ones.

A write costs a unit for each KB of the larger of the item before and after, and so does every index entry that is
added, removed or changed (twice, where its key moves). A strongly consistent read costs a unit for each 4 KB, an
eventual one half. A transaction doubles all of it, the index entries included, which is an upper bound.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Item = dict[str, dict[str, Any]]
Image = Callable[[str, Item], Item | None]
"""(table, key) -> the item as stored now."""


def size(item: Item) -> int:
    """Bytes of an item, names included."""
    return sum(len(name.encode()) + _value(value) for name, value in item.items())


def _value(value: dict[str, Any]) -> int:
    [(kind, held)] = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            return len(held.strip("-").replace(".", "")) // 2 + 2
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value(one) for name, one in held.items())
        case "L":
            return 3 + sum(1 + _value(one) for one in held)
        case "SS":
            return 3 + sum(1 + len(one.encode()) for one in held)
        case "BOOL" | "NULL":
            return 1
    raise ValueError(f"No rule for the size of {kind}")


class Index:
    """What a global index holds of an item."""

    def __init__(self, description: dict[str, Any], table_keys: Sequence[str]) -> None:
        self._keys = [key["AttributeName"] for key in description["KeySchema"]]
        self._names = {*self._keys, *table_keys, *description["Projection"].get("NonKeyAttributes", ())}

    def write(self, before: Item | None, after: Item | None) -> int:
        """Units for what changes in the index."""
        old, new = self._entry(before), self._entry(after)
        if old == new:
            return 0
        if old and new and all(old[key] == new[key] for key in self._keys):
            return max(_kilobytes(old), _kilobytes(new))
        return sum(_kilobytes(entry) for entry in (old, new) if entry)

    def _entry(self, item: Item | None) -> Item | None:
        if item is None or not all(key in item for key in self._keys):
            return None
        return {name: value for name, value in item.items() if name in self._names}


def _kilobytes(item: Item | None) -> int:
    return max(1, math.ceil(size(item or {}) / 1024))


def written(before: Item | None, after: Item | None, indexes: Iterable[Index]) -> int:
    """Write units of one item's change, or of a refused one."""
    return max(_kilobytes(before), _kilobytes(after)) + sum(index.write(before, after) for index in indexes)


def read(items: Sequence[Item | None], *, together: bool, consistent: bool) -> float:
    """Read units: of a query, which adds its items up, or of items read by key, each rounded up by itself."""
    sizes = [size(item or {}) for item in items]
    pages = [sum(sizes)] if together else sizes
    return sum(max(1, math.ceil(page / 4096)) for page in pages) * (1 if consistent else 0.5)
