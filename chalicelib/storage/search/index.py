"""The `listings` table: for managed pools, by what each task can be found, and how many can.

<org>#<pool>#<entry>   a list (domain.facets): rows in order of creation, `<created>#<task id>`, and at its end `~`, how
                       many tasks of each phase are in it
<org>#<pool>#<facet>   of facets whose values are in order: `<value>#<created>#<task id>`
<org>#<pool>#age=<..>  `~`: how many tasks were made when (domain.ages)
<org>#<pool>#<place>   `~`: what one task is filed under, as of which version
<org>#<task id>        its history: `<created>#<version>` (storage.histories)
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib import clock
from chalicelib.domain.search.age_tree import DIGITS
from chalicelib.domain.search.index_moves import Filed, Move, Row
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.aws.dynamodb import Item, RawItem, Write
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks.table import FIELDS, LARGE_FIELDS, CompactJson, TaskItem

REMEMBERED_DAYS = 30
"""How long it is known that a task was removed: longer than a change of it may be parked."""
ROWS_PER_CALL = 8_000
"""About as many rows as fit into the megabyte that one Query reads."""

_LIGHT = [name for name in FIELDS if name not in LARGE_FIELDS]


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
    expires_at = NumberAttribute(null=True)


class AgeItem(Item):
    """A row of the same table, apart because of its many numbers."""

    class Meta:
        setting = "listings_table"

    list = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)
    vars().update({name: NumberAttribute(null=True) for name in DIGITS})


Numbers = Counter[str]
"""What a row counts; of what it does not name there is none."""


def moved(moves: Sequence[Move]) -> list[Write]:
    """The writes that carry out the moves: first what each task is filed under, refused where it is not as the move
    has it, then the rows and the counters."""
    rows = [dynamodb.put(ListingItem(*row), whatever()) for move in moves for row in move.rows(move.added)]
    rows += [dynamodb.delete(ListingItem(*row), whatever()) for move in moves for row in move.rows(move.removed)]
    return [_filed(move) for move in moves] + rows + _counted(moves)


def _filed(move: Move) -> Write:
    before, after = move.before, move.after
    item = ListingItem(*move.ledger, version=after.version, marks=sorted(after.marks))
    if not after.marks:
        item.expires_at = clock.now() // clock.SECOND + REMEMBERED_DAYS * 86_400
    # The marks too: on the way to another version, or filed by another release, they are not what the version says.
    known = (ListingItem.version == before.version) & (ListingItem.marks == sorted(before.marks))
    return dynamodb.put(item, known if before != Filed() else ListingItem.list.does_not_exist())


def _counted(moves: Sequence[Move]) -> list[Write]:
    deltas: dict[Row, Numbers] = {}
    for move in moves:
        for sign, marks in ((1, move.added), (-1, move.removed)):
            for row, name in move.counts(marks):
                deltas.setdefault(row, Counter())[name] += sign
    return [_added(row, numbers) for row, numbers in deltas.items() if any(numbers.values())]


def _added(row: Row, numbers: Numbers) -> Write:
    model = AgeItem if numbers.keys() & set(DIGITS) else ListingItem
    actions = [getattr(model, name).add(number) for name, number in numbers.items() if number]
    return dynamodb.update(model(*row), actions, whatever())


def whatever() -> Condition:
    """The condition of a write that nothing can refuse, because another in its transaction says whether it is new."""
    anything: Condition = ListingItem.list.exists() | ListingItem.list.does_not_exist()
    return anything


def filed(raw: RawItem | None) -> Filed:
    """What a refused move found in place of what it had expected."""
    if raw is None:
        return Filed()
    item = ListingItem.from_raw_data(raw)
    return Filed(int(item.version or 0), frozenset(item.marks or ()))


def ranks(name: str, low: str, high: str, *, descending: bool, limit: int | None = None) -> Iterator[list[str]]:
    """The ranks of a list's rows between two, which count, as of now: what each call reads, as it is asked for.

    Without a limit a call reads a megabyte, about ROWS_PER_CALL rows. Nothing is read where `low` is above `high`,
    which DynamoDB would refuse."""
    if low > high:
        return
    asked = {
        "TableName": ListingItem._get_connection().table_name,
        "KeyConditionExpression": "#list = :list AND #rank BETWEEN :low AND :high",
        "ProjectionExpression": "#rank",
        "ExpressionAttributeNames": {"#list": "list", "#rank": "rank"},
        "ExpressionAttributeValues": {":list": {"S": name}, ":low": {"S": low}, ":high": {"S": high}},
        "ScanIndexForward": not descending,
        "ConsistentRead": True,
    }
    while True:
        answer = _query(asked if limit is None else asked | {"Limit": limit})
        found = [item["rank"]["S"] for item in answer["Items"]]
        yield found
        limit = None if limit is None else limit - len(found)
        if "LastEvaluatedKey" not in answer or limit == 0:
            return
        asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _query(asked: dict[str, Any]) -> dict[str, Any]:
    return dynamodb.call(ListingItem._get_connection().connection, "Query", asked)


def numbers(rows: Iterable[Row]) -> dict[Row, Numbers]:
    """What these rows count, as of now; one call for each hundred."""
    return _numbers(rows, (raw for _, raw in batch_get.read([_key(row) for row in dict.fromkeys(rows)])))


def tasks(ids: Iterable[str]) -> dict[str, Task]:
    """Those of the tasks that exist, by id, whole; one call for each hundred."""
    return _tasks(raw for _, raw in batch_get.read([_task_key(one) for one in ids]))


def light_tasks(ids: Iterable[str]) -> dict[str, Task]:
    """Those of the tasks that exist, by id, without payload and result; one call for each hundred."""
    return _tasks(raw for _, raw in batch_get.read([_task_key(one) for one in ids], _LIGHT))


def tasks_and_numbers(ids: Iterable[str], rows: Sequence[Row]) -> tuple[dict[str, Task], dict[Row, Numbers]]:
    """Those of the tasks that exist, by id, and beside them what these rows count; one call for each hundred."""
    found = list(batch_get.read([*map(_task_key, ids), *map(_key, dict.fromkeys(rows))]))
    counted = _numbers(rows, (raw for model, raw in found if model is ListingItem))
    return _tasks(raw for model, raw in found if model is TaskItem), counted


def _tasks(found: Iterable[RawItem]) -> dict[str, Task]:
    return {task.id: task for task in map(task_table.from_raw, found)}


def _task_key(task_id: str) -> batch_get.Key:
    return TaskItem, {"id": {"S": task_id}}


def _key(row: Row) -> batch_get.Key:
    return ListingItem, {"list": {"S": row.list}, "rank": {"S": row.rank}}


def _numbers(rows: Iterable[Row], found: Iterable[RawItem]) -> dict[Row, Numbers]:
    nothing = {row: Counter[str]() for row in rows}
    return nothing | {Row(raw["list"]["S"], raw["rank"]["S"]): _counts(raw) for raw in found}


def _counts(raw: RawItem) -> Numbers:
    return Counter({name: int(value["N"]) for name, value in raw.items() if "N" in value})
