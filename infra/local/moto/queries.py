"""moto's Query on sorted partitions: the same pages, in a time that grows with the page and not with the table."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import RESULT_SIZE_LIMIT, GlobalSecondaryIndex, Table

from infra.local.moto import sorted_indexes
from infra.local.moto.sorted_indexes import MAX_ITEM_BYTES, Partition, Rank, Schema

Page = tuple[list[Item], int, dict[str, Any] | None]
"""Items, the number of items read, and the last one's key if there are more."""
_query_by_moto = Table.query


def replacements() -> list[tuple[Any, str, Any]]:
    """The replaced parts of moto: (owner, attribute, replacement)."""
    return [(Table, "query", _query), *sorted_indexes.replacements()]


@dataclass(slots=True)
class _Query:
    """The arguments of moto's Table.query, with moto's names."""

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


_NAMES = frozenset(_Query.__dataclass_fields__)


def _query(table: Table, hash_key: DynamoType, *more: Any, **named: Any) -> Page:
    # Other names are legacy filters.
    query = _Query(hash_key, *more, **named) if named.keys() <= _NAMES else None
    page = None if query is None else _page(table, query)
    if page is not None:
        return page
    index = query.index_name if query else named.get("index_name")
    return _query_by_moto(table if index else _only_partition(table, hash_key), hash_key, *more, **named)


def _only_partition(table: Table, hash_key: DynamoType) -> Table:
    """A copy of the table that contains only this partition."""
    alone, items = object.__new__(type(table)), table.items.get(hash_key)
    vars(alone).update(vars(table), items={} if items is None else {hash_key: items})
    return alone


def _page(table: Table, query: _Query) -> Page | None:
    """The page of results; None where moto has to answer."""
    value = _partition_value(query)
    if value is None or value.type not in sorted_indexes.KEY_TYPES or query.limit == 0:
        return None
    schema_and_partition = sorted_indexes.partition_of(table, query.index_name, value)
    if schema_and_partition is None or not _is_simple(table, schema_and_partition[0], query):
        return None
    span = _span(*schema_and_partition, query)
    return None if span is None else _read(table, schema_and_partition[1], span, query)


def _partition_value(query: _Query) -> DynamoType | None:
    if not query.index_name:
        return query.hash_key
    conditions = query.hash_key_conditions or []
    return conditions[0][1] if len(conditions) == 1 else None


def _is_simple(table: Table, schema: Schema, query: _Query) -> bool:
    """Whether all conditions are on one partition and its sort key."""
    if query.consistent_read and any(_is_global(index, query.index_name) for index in table.global_indexes):
        return False
    hashes = {name for name, _ in query.hash_key_conditions or []}
    ranges = [name for name, *_ in query.range_key_conditions or []]
    if not hashes <= {schema.hash} or ranges not in ([], [*schema.sort[:1]]):
        return False
    return query.range_comparison is None or schema.has_range_key


def _is_global(index: GlobalSecondaryIndex, name: str | None) -> bool:
    return index.name == name


# The range within the partition


def _span(schema: Schema, partition: Partition, query: _Query) -> tuple[int, int] | None:
    """The first place and the one after the last of the results after `exclusive_start_key`; None where moto has to
    answer."""
    span = _between(partition.ranks, query, schema)
    if span is None or query.exclusive_start_key is None:
        return span
    start, (low, high) = _start(schema, query), span
    if start is None:
        return None
    if query.scan_index_forward is False:
        return low, max(low, min(high, bisect_left(partition.ranks, start)))
    return min(high, max(low, bisect_right(partition.ranks, start))), high


def _between(ranks: list[Rank], query: _Query, schema: Schema) -> tuple[int, int] | None:
    if query.range_comparison is None:
        return 0, len(ranks)
    if any(one.type != schema.types[0] for one in query.range_objs):
        return None
    values = [one.cast_value for one in query.range_objs]
    low, high = _count_before(ranks, values[0]), _count_up_to(ranks, values[-1])
    match query.range_comparison:
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


def _count_before(ranks: list[Rank], value: Any) -> int:
    """How many items have a smaller range key."""
    return bisect_left(ranks, (value,))


def _count_up_to(ranks: list[Rank], value: Any) -> int:
    """How many items have this range key or a smaller one."""
    return bisect_right(ranks, value, key=itemgetter(0))


def _start(schema: Schema, query: _Query) -> Rank | None:
    """The rank after which to continue; None unless the key is complete and of this partition."""
    start_key: Any = query.exclusive_start_key
    if not {schema.hash, *schema.sort} <= start_key.keys():
        return None
    values = [DynamoType(start_key[name]) for name in schema.sort]
    if DynamoType(start_key[schema.hash]) != _partition_value(query):
        return None
    has_key_types = tuple(one.type for one in values) == schema.types
    return tuple(one.cast_value for one in values) if has_key_types else None


# The results


def _read(table: Table, partition: Partition, span: tuple[int, int], query: _Query) -> Page:
    (low, high), end = span, len(partition.ranks)
    inside: range = range(low, high)
    outside: range = range(high, end)
    if query.scan_index_forward is False:
        inside, outside = inside[::-1], range(low)[::-1]
    places, more = _page_places(partition, inside, outside, query.limit)
    results = [partition.items[place] for place in places]
    last = table._get_last_evaluated_key(results[-1], query.index_name) if more else None
    return list(_project_results(table, results, query)), len(results), last


def _page_places(partition: Partition, inside: range, outside: Iterable[int], limit: int | None) -> tuple[range, bool]:
    """The places of one page within `inside`, and whether anything follows.

    As in moto, what follows may not match the conditions. Then the next page is empty."""
    size = 0
    for number, place in enumerate(inside):
        if number == limit or size + partition.sizes[place] > RESULT_SIZE_LIMIT:
            return inside[:number], True
        size += partition.sizes[place]
    if len(inside) == limit:
        return inside, any(True for _ in outside)
    # A page that is nearly full also ends at an item that does not match.
    near = size + MAX_ITEM_BYTES > RESULT_SIZE_LIMIT
    return inside, near and any(size + partition.sizes[place] > RESULT_SIZE_LIMIT for place in outside)


def _project_results(table: Table, results: Iterable[Item], query: _Query) -> Iterable[Item]:
    """Apply the index's projection, the filter and the requested projection. moto makes a deep copy before, although
    the items are only read."""
    if query.index_name:
        results = map(table.get_index(query.index_name).project, results)
    if query.filter_expression is not None:
        results = filter(query.filter_expression.expr, results)
    if query.projection_expressions:
        results = [item.project(query.projection_expressions) for item in results]
    return results
