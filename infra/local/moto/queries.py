"""moto's Query on sorted partitions: the same pages, at a price that grows with the page and not with the table."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import RESULT_SIZE_LIMIT, GlobalSecondaryIndex, Table

from infra.local.moto import sorted_indexes
from infra.local.moto.sorted_indexes import LARGEST_ITEM, Partition, Rank, Schema

Page = tuple[list[Item], int, dict[str, Any] | None]
"""Items, how many were looked at, and the last one's key if there are more."""
_query_by_moto = Table.query


def ways() -> list[tuple[Any, str, Any]]:
    """What stands in for moto's: (where, its name, ours)."""
    return [(Table, "query", _query), *sorted_indexes.ways()]


@dataclass(slots=True)
class _Asked:
    """The arguments of moto's own, under its names for them."""

    hash_key: DynamoType | None
    range_comparison: str | None
    range_objs: list[DynamoType]
    limit: int | None
    exclusive_start_key: dict[str, Any] | None
    scan_index_forward: bool
    projection_expressions: list[list[str]] | None
    index_name: str | None = None
    consistent_read: bool = False
    filter_expression: Any = None
    hash_key_conditions: list[tuple[str, DynamoType]] | None = None
    range_key_conditions: list[tuple[str, str, list[DynamoType]]] | None = None


_NAMES = frozenset(_Asked.__dataclass_fields__)


def _query(table: Table, hash_key: DynamoType, *more: Any, **named: Any) -> Page:
    # Other names are filters of the old kind.
    asked = _Asked(hash_key, *more, **named) if named.keys() <= _NAMES else None
    page = None if asked is None else _page(table, asked)
    if page is not None:
        return page
    index = asked.index_name if asked else named.get("index_name")
    return _query_by_moto(table if index else _alone(table, hash_key), hash_key, *more, **named)


def _alone(table: Table, hash_key: DynamoType) -> Table:
    """The table as if there were nothing in it but this partition."""
    alone, found = object.__new__(type(table)), table.items.get(hash_key)
    vars(alone).update(vars(table), items={} if found is None else {hash_key: found})
    return alone


def _page(table: Table, asked: _Asked) -> Page | None:
    """None where only moto knows what to answer."""
    value = _partition_asked(asked)
    if value is None or value.type not in sorted_indexes.KEY_TYPES or asked.limit == 0:
        return None
    found = sorted_indexes.partition_of(table, asked.index_name, value)
    if found is None or not _fits(table, found[0], asked):
        return None
    span = _span(*found, asked)
    return None if span is None else _read(table, found[1], span, asked)


def _partition_asked(asked: _Asked) -> DynamoType | None:
    if not asked.index_name:
        return asked.hash_key
    conditions = asked.hash_key_conditions or []
    return conditions[0][1] if len(conditions) == 1 else None


def _fits(table: Table, schema: Schema, asked: _Asked) -> bool:
    """Whether all that is asked is of one partition and its order."""
    if asked.consistent_read and any(_is_global(index, asked.index_name) for index in table.global_indexes):
        return False
    hashes = {name for name, _ in asked.hash_key_conditions or []}
    ranges = [name for name, *_ in asked.range_key_conditions or []]
    if not hashes <= {schema.hash} or ranges not in ([], [*schema.sort[:1]]):
        return False
    return asked.range_comparison is None or schema.ranged


def _is_global(index: GlobalSecondaryIndex, name: str | None) -> bool:
    return index.name == name


# Where in the partition


def _span(schema: Schema, partition: Partition, asked: _Asked) -> tuple[int, int] | None:
    """From where to where stands what is asked for, behind the page before; None where only moto knows."""
    span = _between(partition.ranks, asked, schema)
    if span is None or asked.exclusive_start_key is None:
        return span
    start, (low, high) = _start(schema, asked), span
    if start is None:
        return None
    if asked.scan_index_forward is False:
        return low, max(low, min(high, bisect_left(partition.ranks, start)))
    return min(high, max(low, bisect_right(partition.ranks, start))), high


def _between(ranks: list[Rank], asked: _Asked, schema: Schema) -> tuple[int, int] | None:
    if asked.range_comparison is None:
        return 0, len(ranks)
    if any(one.type != schema.types[0] for one in asked.range_objs):
        return None
    values = [one.cast_value for one in asked.range_objs]
    low, high = _before(ranks, values[0]), _through(ranks, values[-1])
    match asked.range_comparison:
        case "=" | "BETWEEN":
            return low, max(low, high)
        case "<":
            return 0, low
        case "<=":
            return 0, high
        case ">":
            return high, len(ranks)
        case ">=":
            return low, len(ranks)
        case "BEGINS_WITH" if schema.types[0] == "S":
            return low, bisect_right(ranks, values[0], key=lambda rank: rank[0][: len(values[0])])
    return None


def _before(ranks: list[Rank], value: Any) -> int:
    """How many have a smaller range key."""
    return bisect_left(ranks, (value,))


def _through(ranks: list[Rank], value: Any) -> int:
    """How many have this range key, or a smaller one."""
    return bisect_right(ranks, value, key=itemgetter(0))


def _start(schema: Schema, asked: _Asked) -> Rank | None:
    """The place behind which to go on; None unless it is wholly named, and of this partition."""
    given: Any = asked.exclusive_start_key
    if not {schema.hash, *schema.sort} <= given.keys():
        return None
    values = [DynamoType(given[name]) for name in schema.sort]
    if DynamoType(given[schema.hash]) != _partition_asked(asked):
        return None
    known = tuple(one.type for one in values) == schema.types
    return tuple(one.cast_value for one in values) if known else None


# What stands there


def _read(table: Table, partition: Partition, span: tuple[int, int], asked: _Asked) -> Page:
    (low, high), end = span, len(partition.ranks)
    inside: range = range(low, high)
    outside: range = range(high, end)
    if asked.scan_index_forward is False:
        inside, outside = inside[::-1], range(low)[::-1]
    found, more = _taken(partition, inside, outside, asked.limit)
    results = [partition.items[place] for place in found]
    last = table._get_last_evaluated_key(results[-1], asked.index_name) if more else None
    return list(_shown(table, results, asked)), len(results), last


def _taken(partition: Partition, inside: range, outside: Iterable[int], limit: int | None) -> tuple[range, bool]:
    """As many of those inside as are a page, and whether anything follows.

    As in moto, what follows need not be what was asked for: that shows on the next page."""
    size = 0
    for number, place in enumerate(inside):
        if number == limit or size + partition.sizes[place] > RESULT_SIZE_LIMIT:
            return inside[:number], True
        size += partition.sizes[place]
    if len(inside) == limit:
        return inside, any(True for _ in outside)
    # Items that were not asked for end a page that is nearly full.
    near = size + LARGEST_ITEM > RESULT_SIZE_LIMIT
    return inside, near and any(size + partition.sizes[place] > RESULT_SIZE_LIMIT for place in outside)


def _shown(table: Table, results: Iterable[Item], asked: _Asked) -> Iterable[Item]:
    """What the index has of the items; of those that pass the filter, what is asked for. moto copies them before, in
    depth, though they are only read."""
    if asked.index_name:
        results = map(table.get_index(asked.index_name).project, results)
    if asked.filter_expression is not None:
        results = filter(asked.filter_expression.expr, results)
    if asked.projection_expressions:
        results = [item.project(asked.projection_expressions) for item in results]
    return results
