"""Sorted copies of moto's tables and indexes: a query reads only the items of its answer.

moto keeps a table as a dictionary and reads every item for each query, so that a call takes longer the more is stored.
Here each index that has been queried has a sorted list for each of its partitions. A write only marks its key as
changed. Before the next query, the items of the marked keys are read from moto's dictionary and sorted in, whether the
write succeeded or not. moto's dictionary is the only source of what is stored.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import GlobalSecondaryIndex, Table

MAX_ITEM_BYTES = 405_000
"""The largest item in bytes, as in moto."""
KEY_TYPES = frozenset("SNB")
_KINDS = "HASH", "RANGE"

Key = tuple[DynamoType, DynamoType | None]
"""The hash and range key of an item in its table."""
Rank = tuple[Any, ...]
"""The sort key of an item within a partition: its values of Schema.sort."""


class Schema(NamedTuple):
    """The attributes by which an index, or the table itself, is partitioned and sorted."""

    hash: str
    sort: tuple[str, ...]
    """The range key, if there is one, and then the table's own keys, so that no two items have the same rank."""
    types: tuple[str, ...]
    has_range_key: bool
    """Whether there is a range key, on which a query may have a condition."""


class Partition:
    """Sorted items. `ranks[i]`, `items[i]` and `sizes[i]`, in bytes, are of the same item."""

    __slots__ = ("items", "ranks", "sizes")

    def __init__(self) -> None:
        self.ranks: list[Rank] = []
        self.items: list[Item] = []
        self.sizes: list[int] = []

    def put(self, rank: Rank, item: Item, size: int) -> None:
        """Insert the item, or replace the one of the same rank."""
        place = bisect_left(self.ranks, rank)
        if place < len(self.ranks) and self.ranks[place] == rank:
            self.items[place], self.sizes[place] = item, size
            return
        self.ranks.insert(place, rank)
        self.items.insert(place, item)
        self.sizes.insert(place, size)

    def remove(self, rank: Rank) -> None:
        """Remove the item of this rank, which must exist."""
        place = bisect_left(self.ranks, rank)
        del self.ranks[place], self.items[place], self.sizes[place]


_NOTHING = Partition()


class Index:
    """One index of one table, or the table itself by its own keys."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._partitions: dict[DynamoType, Partition] = {}
        self._positions: dict[Key, tuple[DynamoType, Rank]] = {}
        self._unsortable: set[Key] = set()

    @property
    def is_sound(self) -> bool:
        """Whether DynamoDB could store all its items. Otherwise only moto knows their order."""
        return not self._unsortable

    def partition(self, value: DynamoType) -> Partition:
        """The items whose hash key has this value."""
        return self._partitions.get(value, _NOTHING)

    def place(self, key: Key, item: Item | None) -> None:
        """Move the item of this key to its place; None removes it."""
        before, after = self._positions.get(key), None if item is None else self._place(item)
        if before is not None and before != after:
            del self._positions[key]
            self._remove(*before)
        self._unsortable.discard(key)
        if item is not None and after is not None:
            self._put(key, item, *after)

    def _put(self, key: Key, item: Item, value: DynamoType, rank: Rank) -> None:
        size = item.size()
        types = tuple(item.attrs[name].type for name in self.schema.sort)
        if types != self.schema.types or size > MAX_ITEM_BYTES:
            self._unsortable.add(key)
            return
        self._positions[key] = value, rank
        self._partitions.setdefault(value, Partition()).put(rank, item, size)

    def _place(self, item: Item) -> tuple[DynamoType, Rank] | None:
        value, sort = item.attrs.get(self.schema.hash), [item.attrs.get(name) for name in self.schema.sort]
        # DynamoType's comparison fails on None.
        if value is None or value.type not in KEY_TYPES or any(one is None for one in sort):
            return None
        return value, tuple(one.cast_value for one in sort if one is not None)

    def _remove(self, value: DynamoType, rank: Rank) -> None:
        partition = self._partitions[value]
        partition.remove(rank)
        if not partition.ranks:
            del self._partitions[value]


class _Mirror:
    """The sorted indexes of a table that have been queried so far, and the keys that have changed since."""

    def __init__(self, table: Table) -> None:
        self._items: Any = table.items
        self._known_hash_keys = set(table.items)
        self._indexes: dict[str | None, tuple[Any, Index | None]] = {}
        self.changed: set[Key] = set()

    def is_of(self, table: Table) -> bool:
        """Whether every write to the table was marked, as far as that can be seen. Tests and benchmarks may replace all
        items, or write some without moto. In a table with a range key, the latter cannot be seen."""
        if self._items is not table.items:
            return False
        self._apply_changes()
        return table.has_range_key or len(self._known_hash_keys) == len(self._items)

    def index(self, table: Table, name: str | None) -> Index | None:
        declared = _declared_schema(table, name)
        source, index = self._indexes.get(name, (None, None))
        if source is None or source is not declared:
            index = self._build(table, name)
            self._indexes[name] = declared, index
        return index

    def _apply_changes(self) -> None:
        for key in self.changed:
            item = _find_item(self._items, key)
            if item is None:
                self._known_hash_keys.discard(key[0])
            else:
                self._known_hash_keys.add(key[0])
            for _, index in self._indexes.values():
                if index is not None:
                    index.place(key, item)
        self.changed.clear()

    def _build(self, table: Table, name: str | None) -> Index | None:
        schema = _schema(table, name)
        if schema is None:
            return None
        index = Index(schema)
        for key, item in _all(table):
            index.place(key, item)
        return index


_mirrors: WeakKeyDictionary[Table, _Mirror] = WeakKeyDictionary()


def partition_of(table: Table, name: str | None, value: DynamoType) -> tuple[Schema, Partition] | None:
    """The current partition of the table's index of that name, or of the table itself, with its schema.

    None where moto has to answer.
    """
    mirror = _mirrors.get(table)
    if mirror is None or not mirror.is_of(table):
        mirror = _mirrors[table] = _Mirror(table)
    index = mirror.index(table, name)
    if index is None or not index.is_sound:
        return None
    partition = index.partition(value)
    if name is None and table.has_range_key and len(partition.items) != len(table.items.get(value, ())):
        forget(table)
        return partition_of(table, name, value)
    return index.schema, partition


def mark_changed(table: Table, key: Key) -> None:
    """Mark a key as possibly changed."""
    if (mirror := _mirrors.get(table)) is not None:
        mirror.changed.add(key)


def forget(table: Table) -> None:
    """Drop the copies of a table, after changes that were not marked."""
    _mirrors.pop(table, None)


def _find_item(items: Any, key: Key) -> Item | None:
    # [] would create an entry in a defaultdict.
    found: Any = items.get(key[0])
    stored: Item | None = found if key[1] is None or found is None else found.get(key[1])
    return stored


def _all(table: Table) -> Iterator[tuple[Key, Item]]:
    rows: Any = table.items
    for value, rows_of_value in rows.items():
        if table.range_key_attr:
            yield from (((value, ranged), item) for ranged, item in rows_of_value.items())
        else:
            yield (value, None), rows_of_value


def _declared_schema(table: Table, name: str | None) -> Any:
    """The index's schema, as moto has it. It is another object after the index has been changed."""
    return next((index.schema for index in table.all_indexes() if index.name == name), None) if name else table.schema


def _schema(table: Table, name: str | None) -> Schema | None:
    """The schema of an index; None where there is no such index, or it has more attributes than are supported."""
    declared = _declared_schema(table, name) or []
    hashes, ranges = (
        [key["AttributeName"] for key in declared if key["KeyType"] == kind] for kind in ("HASH", "RANGE")
    )
    if len(hashes) != 1 or len(ranges) > 1:
        return None
    sort = (*(ranges or _fallback_sort_key(table, name)), *(table.table_key_attrs if name else ()))
    kinds = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table.attr}
    if not {*hashes, *sort} <= kinds.keys():
        return None
    return Schema(hashes[0], sort, tuple(kinds[one] for one in sort), bool(ranges))


def _fallback_sort_key(table: Table, name: str | None) -> list[str]:
    """The attribute that moto sorts by if there is no range key."""
    if name is None:
        return []
    found = any(index.name == name and isinstance(index, GlobalSecondaryIndex) for index in table.all_indexes())
    return [table.range_key_attr] if found and table.range_key_attr else [table.hash_key_attr]


# moto's writes


_put_by_moto, _delete_by_moto, _update_by_moto = Table.put_item, Table.delete_item, DynamoDBBackend.update_item


def replacements() -> list[tuple[Any, str, Any]]:
    """The replaced parts of moto: (owner, attribute, replacement)."""
    return [(Table, "put_item", _put), (Table, "delete_item", _delete), (DynamoDBBackend, "update_item", _update)]


def _put(table: Table, item_attrs: dict[str, Any], *more: Any, **named: Any) -> Item:
    try:
        return _put_by_moto(table, item_attrs, *more, **named)
    finally:
        mark_changed_by(table, item_attrs)


def _delete(table: Table, hash_key: DynamoType, range_key: DynamoType | None) -> Item | None:
    try:
        return _delete_by_moto(table, hash_key, range_key)
    finally:
        mark_changed(table, (hash_key, range_key))


def _update(backend: DynamoDBBackend, table_name: str, key: dict[str, Any], *more: Any, **named: Any) -> Item:
    """Mark the key even if moto refuses the update: moto applies an update in steps, and may fail after the first."""
    try:
        return _update_by_moto(backend, table_name, key, *more, **named)
    finally:
        if (table := backend.tables.get(table_name)) is not None:
            mark_changed_by(table, key)


def mark_changed_by(table: Table, written: Mapping[str, Any]) -> None:
    """Mark the key in these attributes as possibly changed."""
    if table not in _mirrors:
        return
    try:
        key = tuple(DynamoType(written[name]) for name in table.table_key_attrs)
        mark_changed(table, (key[0], key[1] if len(key) > 1 else None))
    except (KeyError, TypeError, AttributeError):
        forget(table)
