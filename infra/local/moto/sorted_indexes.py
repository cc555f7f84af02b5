"""moto's tables and their indexes, kept sorted: a query reads the items that it answers with, and no others.

moto keeps a table as a dictionary and looks at every item of it for each query, so that each call takes longer the more
is stored. Here each index that was asked for once has a sorted list for each of its partitions. Writes only note which
keys they touched; before the next query what stands there now is put in its place, whatever a write did or failed to
do. moto's dictionary alone says what is stored.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import GlobalSecondaryIndex, Table

LARGEST_ITEM = 405_000
"""Bytes, as moto has it."""
KEY_TYPES = frozenset("SNB")
_KINDS = "HASH", "RANGE"

Key = tuple[DynamoType, DynamoType | None]
"""An item's own: its table's hash and range key."""
Rank = tuple[Any, ...]
"""What the items of a partition are sorted by: the values of Schema.sort."""


class Schema(NamedTuple):
    """By what an index, or the table itself, is divided into partitions and each of these is sorted."""

    hash: str
    sort: tuple[str, ...]
    """The range key, if there is one, and then the table's own keys, so that no two items are equal."""
    types: tuple[str, ...]
    ranged: bool
    """Whether there is a range key, on which a query may have a condition."""


class Partition:
    """Sorted items. `ranks[i]`, `items[i]` and `sizes[i]`, in bytes, are of the same item."""

    __slots__ = ("items", "ranks", "sizes")

    def __init__(self) -> None:
        self.ranks: list[Rank] = []
        self.items: list[Item] = []
        self.sizes: list[int] = []

    def put(self, rank: Rank, item: Item, size: int) -> None:
        """Have this item there, and no other of this rank."""
        place = bisect_left(self.ranks, rank)
        if place < len(self.ranks) and self.ranks[place] == rank:
            self.items[place], self.sizes[place] = item, size
            return
        self.ranks.insert(place, rank)
        self.items.insert(place, item)
        self.sizes.insert(place, size)

    def remove(self, rank: Rank) -> None:
        """Forget the item of this rank, which must be there."""
        place = bisect_left(self.ranks, rank)
        del self.ranks[place], self.items[place], self.sizes[place]


_NOTHING = Partition()


class Index:
    """One index of one table, or the table itself by its own keys."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._partitions: dict[DynamoType, Partition] = {}
        self._positions: dict[Key, tuple[DynamoType, Rank]] = {}
        self._odd: set[Key] = set()

    @property
    def sound(self) -> bool:
        """Whether DynamoDB could hold all that is in it; otherwise only moto says in which order it stands."""
        return not self._odd

    def partition(self, value: DynamoType) -> Partition:
        """The items whose hash key has this value."""
        return self._partitions.get(value, _NOTHING)

    def place(self, key: Key, item: Item | None) -> None:
        """Have the item in its place, and nowhere else; None if there is no item of this key any more."""
        before, after = self._positions.get(key), None if item is None else self._place(item)
        if before is not None and before != after:
            del self._positions[key]
            self._remove(*before)
        self._odd.discard(key)
        if item is not None and after is not None:
            self._put(key, item, *after)

    def _put(self, key: Key, item: Item, value: DynamoType, rank: Rank) -> None:
        size = item.size()
        types = tuple(item.attrs[name].type for name in self.schema.sort)
        if types != self.schema.types or size > LARGEST_ITEM:
            self._odd.add(key)
            return
        self._positions[key] = value, rank
        self._partitions.setdefault(value, Partition()).put(rank, item, size)

    def _place(self, item: Item) -> tuple[DynamoType, Rank] | None:
        value, sort = item.attrs.get(self.schema.hash), [item.attrs.get(name) for name in self.schema.sort]
        # Their own comparison breaks on None.
        if value is None or value.type not in KEY_TYPES or any(one is None for one in sort):
            return None
        return value, tuple(one.cast_value for one in sort if one is not None)

    def _remove(self, value: DynamoType, rank: Rank) -> None:
        partition = self._partitions[value]
        partition.remove(rank)
        if not partition.ranks:
            del self._partitions[value]


class _Mirror:
    """What is kept of a table: the indexes asked for so far, and the keys written since they were last put right."""

    def __init__(self, table: Table) -> None:
        self._items: Any = table.items
        self._known = set(table.items)
        self._indexes: dict[str | None, tuple[Any, Index | None]] = {}
        self.changed: set[Key] = set()

    def is_of(self, table: Table) -> bool:
        """Whether nothing was written to the table but what this was told of, as far as that shows: tests and
        benchmarks may replace all items, and write some past moto. In a table with a range key that does not show."""
        if self._items is not table.items:
            return False
        self._put_right()
        return table.has_range_key or len(self._known) == len(self._items)

    def index(self, table: Table, name: str | None) -> Index | None:
        declared = _declared(table, name)
        source, index = self._indexes.get(name, (None, None))
        if source is None or source is not declared:
            index = self._built(table, name)
            self._indexes[name] = declared, index
        return index

    def _put_right(self) -> None:
        for key in self.changed:
            found = _stored(self._items, key)
            if found is None:
                self._known.discard(key[0])
            else:
                self._known.add(key[0])
            for _, index in self._indexes.values():
                if index is not None:
                    index.place(key, found)
        self.changed.clear()

    def _built(self, table: Table, name: str | None) -> Index | None:
        schema = _schema(table, name)
        if schema is None:
            return None
        index = Index(schema)
        for key, item in _all(table):
            index.place(key, item)
        return index


_mirrors: WeakKeyDictionary[Table, _Mirror] = WeakKeyDictionary()


def partition_of(table: Table, name: str | None, value: DynamoType) -> tuple[Schema, Partition] | None:
    """One partition of the table's index of that name, or of the table itself, as of now, and how it is sorted.

    None where moto must answer by itself.
    """
    mirror = _mirrors.get(table)
    if mirror is None or not mirror.is_of(table):
        mirror = _mirrors[table] = _Mirror(table)
    index = mirror.index(table, name)
    if index is None or not index.sound:
        return None
    partition = index.partition(value)
    if name is None and table.has_range_key and len(partition.items) != len(table.items.get(value, ())):
        forget(table)
        return partition_of(table, name, value)
    return index.schema, partition


def touched(table: Table, key: Key) -> None:
    """Something may have been written at this key."""
    if (mirror := _mirrors.get(table)) is not None:
        mirror.changed.add(key)


def forget(table: Table) -> None:
    """Anything may have been written anywhere in the table."""
    _mirrors.pop(table, None)


def _stored(items: Any, key: Key) -> Item | None:
    # Asking a defaultdict by [] would make what is not there.
    found: Any = items.get(key[0])
    stored: Item | None = found if key[1] is None or found is None else found.get(key[1])
    return stored


def _all(table: Table) -> Iterator[tuple[Key, Item]]:
    rows: Any = table.items
    for value, found in rows.items():
        if table.range_key_attr:
            yield from (((value, ranged), item) for ranged, item in found.items())
        else:
            yield (value, None), found


def _declared(table: Table, name: str | None) -> Any:
    """What says how the index is sorted: another object once it was changed."""
    return next((index.schema for index in table.all_indexes() if index.name == name), None) if name else table.schema


def _schema(table: Table, name: str | None) -> Schema | None:
    """None where there is no such index, or one of more attributes than this understands."""
    declared = _declared(table, name) or []
    hashes, ranges = (
        [key["AttributeName"] for key in declared if key["KeyType"] == kind] for kind in ("HASH", "RANGE")
    )
    if len(hashes) != 1 or len(ranges) > 1:
        return None
    sort = (*(ranges or _instead(table, name)), *(table.table_key_attrs if name else ()))
    kinds = {one["AttributeName"]: one["AttributeType"] for one in table.attr}
    if not {*hashes, *sort} <= kinds.keys():
        return None
    return Schema(hashes[0], sort, tuple(kinds[one] for one in sort), bool(ranges))


def _instead(table: Table, name: str | None) -> list[str]:
    """What moto sorts by where there is no range key."""
    if name is None:
        return []
    found = any(index.name == name and isinstance(index, GlobalSecondaryIndex) for index in table.all_indexes())
    return [table.range_key_attr] if found and table.range_key_attr else [table.hash_key_attr]


# Where moto writes


_put_by_moto, _delete_by_moto, _update_by_moto = Table.put_item, Table.delete_item, DynamoDBBackend.update_item


def ways() -> list[tuple[Any, str, Any]]:
    """What stands in for moto's: (where, its name, ours)."""
    return [(Table, "put_item", _put), (Table, "delete_item", _delete), (DynamoDBBackend, "update_item", _update)]


def _put(table: Table, item_attrs: dict[str, Any], *more: Any, **named: Any) -> Item:
    try:
        return _put_by_moto(table, item_attrs, *more, **named)
    finally:
        touched_by(table, item_attrs)


def _delete(table: Table, hash_key: DynamoType, range_key: DynamoType | None) -> Item | None:
    try:
        return _delete_by_moto(table, hash_key, range_key)
    finally:
        touched(table, (hash_key, range_key))


def _update(backend: DynamoDBBackend, table_name: str, key: dict[str, Any], *more: Any, **named: Any) -> Item:
    """moto changes the item step by step, and leaves it half changed where a step is refused."""
    try:
        return _update_by_moto(backend, table_name, key, *more, **named)
    finally:
        if (table := backend.tables.get(table_name)) is not None:
            touched_by(table, key)


def touched_by(table: Table, written: Mapping[str, Any]) -> None:
    """Something may have been written at the key that these attributes name."""
    if table not in _mirrors:
        return
    try:
        key = tuple(DynamoType(written[name]) for name in table.table_key_attrs)
        touched(table, (key[0], key[1] if len(key) > 1 else None))
    except (KeyError, TypeError, AttributeError):
        forget(table)
