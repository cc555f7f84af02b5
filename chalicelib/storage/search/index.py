"""The `listings` table: the index of managed pools, and the histories of their tasks.

The table's key attributes are named `list` and `rank`: a list's name, and the sort key of a row in it.

<org>#<pool>#<entry>     a list (domain/search/query.py): rows in order of creation, `<created>#<task id>`; the last,
                         `~`, counts the list's tasks by phase
<org>#<pool>#<field>     for fields whose values are ordered: `<value>#<created>#<task id>`
<org>#<pool>#age=<node>  `~`: how many tasks were created when (domain/search/age_tree.py)
<org>#<pool>#<position>  `~`: what one task is indexed under, and as of which version
<org>#<task id>          the task's history: `<created>#<version>` (storage/search/history.py)
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib import clock
from chalicelib.domain.search.age_tree import DIGITS
from chalicelib.domain.search.index_updates import IndexState, IndexUpdate, Row
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.aws.columns import CompactJson
from chalicelib.storage.aws.dynamodb import Item, RawItem, Write
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks.table import FIELDS, LARGE_FIELDS, TaskItem

REMOVED_STATE_DAYS = 30
"""Days for which the index state of a removed task is kept: longer than a change of it can be parked."""
ROWS_PER_CALL = 8_000
"""Roughly the number of rows in the megabyte that one Query reads."""

_LIGHT_FIELDS = [*(name for name in FIELDS if name not in LARGE_FIELDS), "expires_at"]


class ListingItem(Item):
    class Meta:
        setting = "listings_table"
        ttl = "expires_at"

    list = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)
    vars().update({str(phase): NumberAttribute(null=True) for phase in Phase})
    version = NumberAttribute(null=True)
    marks = CompactJson(null=True)
    entry = CompactJson(null=True)
    expires_at = NumberAttribute(null=True)  # epoch seconds


class AgeItem(Item):
    """A row of the same table with the counters of an age tree node; separate because of its 128 attributes."""

    class Meta:
        setting = "listings_table"

    list = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)
    vars().update({name: NumberAttribute(null=True) for name in DIGITS})


CounterValues = Counter[str]
"""The counters of a row by name; missing ones are 0."""


def update_writes(updates: Sequence[IndexUpdate]) -> list[Write]:
    """The writes that carry out index updates: first the state of each task, then the rows and the counters.

    The write of a state is refused when the stored state is not the one that the update starts from.
    """
    rows = [dynamodb.put(ListingItem(*row), unconditional()) for one in updates for row in one.rows(one.added_marks)]
    rows += [
        dynamodb.delete(ListingItem(*row), unconditional()) for one in updates for row in one.rows(one.removed_marks)
    ]
    return [_state_write(update) for update in updates] + rows + _counter_writes(updates)


def _state_write(update: IndexUpdate) -> Write:
    before, after = update.before, update.after
    item = ListingItem(*update.state_row, version=after.version, marks=sorted(after.marks))
    if not after.marks:
        item.expires_at = clock.now() // clock.SECOND + REMOVED_STATE_DAYS * 86_400
    # The version alone does not tell the marks: an update may be half done, or another release may have indexed it.
    unchanged = (ListingItem.version == before.version) & (ListingItem.marks == sorted(before.marks))
    return dynamodb.put(item, unchanged if before != IndexState() else ListingItem.list.does_not_exist())


def _counter_writes(updates: Sequence[IndexUpdate]) -> list[Write]:
    deltas: dict[Row, CounterValues] = {}
    for update in updates:
        for sign, marks in ((1, update.added_marks), (-1, update.removed_marks)):
            for row, name in update.counters(marks):
                deltas.setdefault(row, Counter())[name] += sign
    return [_addition_write(row, values) for row, values in deltas.items() if any(values.values())]


def _addition_write(row: Row, values: CounterValues) -> Write:
    model = AgeItem if values.keys() & set(DIGITS) else ListingItem
    actions = [getattr(model, name).add(value) for name, value in values.items() if value]
    return dynamodb.update(model(*row), actions, unconditional())


def unconditional() -> Condition:
    """A condition that always holds: for a write whose transaction has another write with the real condition."""
    anything: Condition = ListingItem.list.exists() | ListingItem.list.does_not_exist()
    return anything


def parse_state(raw: RawItem | None) -> IndexState:
    """The stored index state that a refused update met."""
    if raw is None:
        return IndexState()
    item = ListingItem.from_raw_data(raw)
    return IndexState(int(item.version or 0), frozenset(item.marks or ()))


def read_sort_keys(
    name: str, low: str, high: str, *, descending: bool, limit: int | None = None
) -> Iterator[list[str]]:
    """The sort keys of a list's rows from `low` to `high`, both included, as of now: one batch for each call.

    Without a limit a call reads a megabyte, about ROWS_PER_CALL rows. There is no call where `low` is above `high`,
    which DynamoDB would refuse.
    """
    if low > high:
        return
    request = {
        "TableName": ListingItem._get_connection().table_name,
        "KeyConditionExpression": "#list = :list AND #rank BETWEEN :low AND :high",
        "ProjectionExpression": "#rank",
        "ExpressionAttributeNames": {"#list": "list", "#rank": "rank"},
        "ExpressionAttributeValues": {":list": {"S": name}, ":low": {"S": low}, ":high": {"S": high}},
        "ScanIndexForward": not descending,
        "ConsistentRead": True,
    }
    while True:
        answer = _query(request if limit is None else request | {"Limit": limit})
        sort_keys = [item["rank"]["S"] for item in answer["Items"]]
        yield sort_keys
        limit = None if limit is None else limit - len(sort_keys)
        if "LastEvaluatedKey" not in answer or limit == 0:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _query(request: dict[str, Any]) -> dict[str, Any]:
    return dynamodb.call(ListingItem._get_connection().connection, "Query", request)


def read_counters(rows: Iterable[Row]) -> dict[Row, CounterValues]:
    """The counters of these rows as of now; one call for each hundred."""
    return _parse_counters(rows, (raw for _, raw in batch_get.read([_row_key(row) for row in dict.fromkeys(rows)])))


def find_tasks(ids: Iterable[str]) -> dict[str, Task]:
    """Those of the tasks that exist, by id, with payload and result; one call for each hundred."""
    return _parse_tasks(raw for _, raw in batch_get.read([_task_key(task_id) for task_id in ids]))


def find_light_tasks(ids: Iterable[str]) -> dict[str, Task]:
    """Those of the tasks that exist, by id, without payload and result; one call for each hundred."""
    return _parse_tasks(raw for _, raw in batch_get.read([_task_key(task_id) for task_id in ids], _LIGHT_FIELDS))


def find_tasks_and_counters(
    ids: Iterable[str], rows: Sequence[Row]
) -> tuple[dict[str, Task], dict[Row, CounterValues]]:
    """Those of the tasks that exist, by id, and the counters of these rows; one call for each hundred of both."""
    items = list(batch_get.read([*map(_task_key, ids), *map(_row_key, dict.fromkeys(rows))]))
    counters = _parse_counters(rows, (raw for model, raw in items if model is ListingItem))
    return _parse_tasks(raw for model, raw in items if model is TaskItem), counters


def _parse_tasks(items: Iterable[RawItem]) -> dict[str, Task]:
    now_s = clock.now() // clock.SECOND
    kept = (raw for raw in items if "expires_at" not in raw or int(raw["expires_at"]["N"]) > now_s)
    return {task.id: task for task in map(task_table.from_raw, kept)}


def _task_key(task_id: str) -> batch_get.Key:
    return TaskItem, {"id": {"S": task_id}}


def _row_key(row: Row) -> batch_get.Key:
    return ListingItem, {"list": {"S": row.list}, "rank": {"S": row.sort_key}}


def _parse_counters(rows: Iterable[Row], items: Iterable[RawItem]) -> dict[Row, CounterValues]:
    nothing = {row: Counter[str]() for row in rows}
    return nothing | {Row(raw["list"]["S"], raw["rank"]["S"]): _counter_values(raw) for raw in items}


def _counter_values(raw: RawItem) -> CounterValues:
    return Counter({name: int(value["N"]) for name, value in raw.items() if "N" in value})
