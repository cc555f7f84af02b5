"""Capacity units by DynamoDB's published rules; moto's own figures are invented.

A write costs a unit for each KB of the larger of the item before and after. Every index entry that is added, removed or
changed costs the same, and twice if its key changes. A strongly consistent read costs a unit for each 4 KB, an
eventually consistent one half of that. A transaction doubles all of it; for index entries that is an upper bound.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Item = dict[str, dict[str, Any]]
Image = Callable[[str, Item], Item | None]
"""(table, key) -> the stored item."""


def size(item: Item) -> int:
    """Bytes of an item, names included."""
    return sum(len(name.encode()) + _value(value) for name, value in item.items())


def _value(value: dict[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content.strip("-").replace(".", "")) // 2 + 2
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value(item) for name, item in content.items())
        case "L":
            return 3 + sum(1 + _value(item) for item in content)
        case "SS":
            return 3 + sum(1 + len(item.encode()) for item in content)
        case "BOOL" | "NULL":
            return 1
    raise ValueError(f"No rule for the size of {kind}")


class Index:
    """A global index: the attributes that it holds of an item."""

    def __init__(self, description: dict[str, Any], table_keys: Sequence[str]) -> None:
        self._keys = [key["AttributeName"] for key in description["KeySchema"]]
        self._names = {*self._keys, *table_keys, *description["Projection"].get("NonKeyAttributes", ())}

    def write(self, before: Item | None, after: Item | None) -> int:
        """Write units of the change of an item in the index."""
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


def count_written(before: Item | None, after: Item | None, indexes: Iterable[Index]) -> int:
    """Write units of one item's change; a refused write costs the same."""
    return max(_kilobytes(before), _kilobytes(after)) + sum(index.write(before, after) for index in indexes)


def read(items: Sequence[Item | None], *, together: bool, consistent: bool) -> float:
    """Read units of a query (`together`: the sizes are added up) or of items read by key (each size is rounded up)."""
    sizes = [size(item or {}) for item in items]
    pages = [sum(sizes)] if together else sizes
    return sum(max(1, math.ceil(page / 4096)) for page in pages) * (1 if consistent else 0.5)
