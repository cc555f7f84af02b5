"""After random writes, a query on sorted partitions gives the same answer as moto's, which reads every item."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from infra.local.moto import fast_paths, transactions

SEEDS, STEPS = 8, 150
KINDS = {"id": "S", "row": "S", "lane": "S", "rank": "S", "shard": "S", "at": "N", "raw": "B"}
VALUES = {
    "id": ["a", "ab", "b", "c", "é", "𝔘", "\uffff", "z1", "z2", "z3"],
    "row": ["1", "10", "2", "é"],
    "lane": ["x", "y"],
    "rank": ["a", "ab", "abc", "b", "\uffff", "𝔘"],
    "shard": ["s", "t"],
    "at": ["-3", "0", "2", "2.0", "10", "1e2"],
    "raw": ["AA==", "AQI=", "/w=="],
}
ALL, KEYS = {"ProjectionType": "ALL"}, {"ProjectionType": "KEYS_ONLY"}
Keys = dict[str, str]
TABLES: dict[str, tuple[Keys, dict[str, tuple[Keys, Any]], dict[str, tuple[Keys, Any]]]] = {
    "flat": (
        {"id": "HASH"},
        {
            "place": ({"lane": "HASH", "rank": "RANGE"}, {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]}),
            "wake": ({"shard": "HASH", "at": "RANGE"}, KEYS),
            "group": ({"lane": "HASH"}, ALL),
            "bytes": ({"at": "HASH", "raw": "RANGE"}, ALL),
        },
        {},
    ),
    "ranged": (
        {"id": "HASH", "row": "RANGE"},
        {
            "hour": ({"shard": "HASH"}, KEYS),
            "wake": ({"shard": "HASH", "at": "RANGE"}, ALL),
            "turned": ({"row": "HASH", "id": "RANGE"}, ALL),
            "many": ({"lane": "HASH", "shard": "HASH", "at": "RANGE"}, ALL),
        },
        {"at": ({"id": "HASH", "at": "RANGE"}, ALL)},
    ),
}
"""Table -> its own keys, its global indexes, its local ones."""
CALLS = {
    "put": "put_item",
    "update": "update_item",
    "delete": "delete_item",
    "transact": "transact_write_items",
    "query": "query",
}
Step = tuple[str, dict[str, Any]]
NOTES = [{"S": "n"}, {"S": "x" * 180_000}, {"S": "x" * 180_000}, {"L": [{"N": "1"}, {"M": {"a": {"B": "AA=="}}}]}]


class StepGenerator:
    """Generates random steps: writes to the same keys, and queries of them."""

    def __init__(self, seed: int, *, odd: bool) -> None:
        self._random, self._odd = Random(seed), odd

    def steps(self) -> list[Step]:
        kinds = [self.put] * 5 + [self.update] * 3 + [self.delete] + [self.transact] + [self.query] * 6
        return [self._random.choice(kinds)() for _ in range(STEPS)]

    def put(self) -> Step:
        table = self._table()
        return "put", {"table_name": table, "item_attrs": self._key(table) | self._attributes(table)}

    def update(self) -> Step:
        """An update that sets and removes. moto refuses one in six, after it has applied its first part."""
        table = self._table()
        changed, named = self._attributes(table), ["lane", "at", "shard"]
        removed = [name for name in self._random.sample(named, self._choose([0, 1, 2])) if name not in changed]
        if self._choose(range(6)) == 0:
            changed["huge"] = {"S": "x" * 410_000}
        parts = ["SET " + ", ".join(f"#{name} = :{name}" for name in changed)] if changed else []
        parts += ["REMOVE " + ", ".join(f"#{name}" for name in removed)] if removed else []
        return "update", {
            "table_name": table,
            "key": self._key(table),
            "update_expression": " ".join(parts),
            "expression_attribute_names": {f"#{name}": name for name in [*changed, *removed]},
            "expression_attribute_values": {f":{name}": value for name, value in changed.items()},
        }

    def delete(self) -> Step:
        table = self._table()
        return "delete", {"table_name": table, "key": self._key(table)}

    def transact(self) -> Step:
        """A transaction of several writes. Half of the transactions are refused by their last condition."""
        writes = []
        for _ in range(self._choose(range(1, 5))):
            kind, given = self._choose([self.put, self.delete])()
            data = {"Item": given["item_attrs"]} if kind == "put" else {"Key": given["key"]}
            writes.append({kind.title(): {"TableName": given["table_name"], **data}})
        if self._choose([True, False]):
            nobody = {
                "TableName": "flat",
                "Key": {"id": {"S": "nobody"}},
                "ConditionExpression": "attribute_exists(id)",
            }
            writes.append({"ConditionCheck": nobody})
        return "transact", {"transact_items": writes}

    def query(self) -> Step:
        table = self._table()
        index = self._choose([None, *TABLES[table][1], *TABLES[table][2]])
        hash_conditions = [(name, self._value(name)) for name, kind in keys_of(table, index).items() if kind == "HASH"]
        start = {name: self._value(name) for name in {**keys_of(table, index), **keys_of(table, None)}} | dict(
            hash_conditions
        )
        return "query", {
            **query_arguments(table, index, hash_conditions, self._condition(table, index)),
            "limit": self._choose([None, None, 1, 2, 3, 5]),
            "exclusive_start_key": self._choose([None, None, start, self._key(table)]),
            "scan_index_forward": self._choose([True, False]),
            "projection_expressions": self._choose([[], [], [["id"], ["note"]]]),
            "consistent_read": self._choose(range(10)) == 0,
            "expr_names": {},
            "expr_values": {":n": {"S": "n"}},
            "filter_expression": self._choose([None, None, None, "note = :n", "attribute_exists(lane)"]),
        }

    def _condition(self, table: str, index: str | None) -> list[tuple[str, str, list[Any]]]:
        names = [name for name, kind in keys_of(table, index).items() if kind == "RANGE"]
        if not names or self._choose([True, False]):
            return []
        comparison = self._choose(["=", "<", "<=", ">", ">=", "BETWEEN", "BEGINS_WITH"])
        operands = [self._value(names[0]) for _ in range(2 if comparison == "BETWEEN" else 1)]
        return [(names[0], comparison, operands)]

    def _attributes(self, table: str) -> dict[str, Any]:
        others = [name for name in KINDS if name not in keys_of(table, None)]
        found = {name: self._value(name, odd=self._odd) for name in others if self._choose(range(10)) < 7}
        return found | ({"note": self._choose(NOTES)} if self._choose([True, False]) else {})

    def _key(self, table: str) -> dict[str, Any]:
        return {name: self._value(name) for name in keys_of(table, None)}

    def _value(self, name: str, *, odd: bool = False) -> dict[str, str]:
        if odd and self._choose(range(40)) == 0:
            return {"N": "7"} if KINDS[name] == "S" else {"S": "odd"}
        return {KINDS[name]: self._choose(VALUES[name])}

    def _table(self) -> str:
        return str(self._choose(list(TABLES)))

    def _choose(self, among: Sequence[Any]) -> Any:
        return self._random.choice(among)


def query_arguments(table: str, index: str | None, hash_conditions: list[Any], conditions: list[Any]) -> dict[str, Any]:
    """A query's arguments as moto parses them from the request."""
    _, comparison, operands = conditions[-1] if conditions else (None, None, [])
    return {
        "table_name": table,
        "hash_key_dict": hash_conditions[0][1],
        "range_comparison": comparison,
        "range_value_dicts": operands,
        "limit": None,
        "exclusive_start_key": None,
        "scan_index_forward": True,
        "projection_expressions": [],
        "index_name": index,
        "hash_key_conditions": hash_conditions,
        "range_key_conditions": conditions,
    }


def keys_of(table: str, index: str | None) -> Keys:
    own, *indexes = TABLES[table]
    [found] = [given[index][0] for given in indexes if index in given] if index else [own]
    return found


def everything() -> list[Step]:
    """Queries of every partition of every index."""
    queries = []
    for table, (_, *indexes) in TABLES.items():
        for index in [None, *(name for given in indexes for name in given)]:
            [name, *more] = [name for name, kind in keys_of(table, index).items() if kind == "HASH"]
            wanted = [] if more else [[(name, {KINDS[name]: value})] for value in VALUES[name]]
            queries += [("query", query_arguments(table, index, one, [])) for one in wanted]
    return queries


def make_backend() -> DynamoDBBackend:
    database = DynamoDBBackend("us-east-1", "123456789012")
    for name, (own, everywhere, local) in TABLES.items():
        database.create_table(
            name=name,
            schema=schema(own),
            throughput=None,
            attr=[{"AttributeName": name, "AttributeType": kind} for name, kind in KINDS.items()],
            global_indexes=index_definitions(everywhere),
            indexes=index_definitions(local),
            streams={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            billing_mode="PAY_PER_REQUEST",
            sse_specification=None,
            tags=[],
            deletion_protection_enabled=None,
            warm_throughput=None,
        )
    return database


def schema(keys: Keys) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()]


def index_definitions(indexes: dict[str, tuple[Keys, Any]]) -> list[dict[str, Any]]:
    return [
        {"IndexName": name, "KeySchema": schema(keys), "Projection": projection}
        for name, (keys, projection) in indexes.items()
    ]


def outcome(database: DynamoDBBackend, step: Step) -> Any:
    name, given = step
    try:
        return plain(getattr(database, CALLS[name])(**given))
    except Exception as error:  # noqa: BLE001 - where moto raises, the faster function must raise the same
        return type(error), str(error)


def plain(response: Any) -> Any:
    if isinstance(response, Item):
        return response.to_json()["Attributes"]
    if isinstance(response, DynamoType):
        return response.to_regular_json()
    if isinstance(response, dict):
        return {name: plain(value) for name, value in response.items()}
    return [plain(one) for one in response] if isinstance(response, list | tuple) else response


@contextmanager
def replacing_moto() -> Iterator[None]:
    with fast_paths.replacing_moto(), transactions.undoing_changes():
        yield


def outcomes(steps: list[Step], way: AbstractContextManager[None]) -> list[Any]:
    with way:
        database = make_backend()
        return [outcome(database, step) for step in steps]


@pytest.mark.parametrize("odd", [False, True], ids=["right types", "types that DynamoDB would refuse"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_all_answers_equal_motos(seed: int, odd: bool) -> None:
    steps = StepGenerator(seed, odd=odd).steps() + everything()
    for step, by_short_ways, by_moto in zip(
        steps, outcomes(steps, replacing_moto()), outcomes(steps, nullcontext()), strict=True
    ):
        assert by_short_ways == by_moto, step


def put(database: DynamoDBBackend, table: str, **values: str) -> None:
    database.put_item(table, {name: {KINDS.get(name, "S"): value} for name, value in values.items()})


def ids(database: DynamoDBBackend, index: str | None, *conditions: Any, **more: Any) -> list[str]:
    """The ids in one page of the partition `x`, `s` or `a`."""
    table = more.pop("table", "flat")
    name, value = {"lane": "x", "shard": "s", "id": "a"}, next(iter(keys_of(table, index)))
    hash_conditions = [(value, {"S": name[value]})]
    found, _, _ = database.query(**query_arguments(table, index, hash_conditions, list(conditions)) | more)
    return [item.attrs["id"].value for item in found]


def test_no_query_of_one_partition_reads_all_items() -> None:
    with replacing_moto(), patch.object(Table, "all_items", side_effect=AssertionError("all items were looked at")):
        database = make_backend()
        for number in range(20):
            put(
                database,
                "flat",
                id=f"{number:02}",
                lane="xy"[number % 2],
                rank=str(number % 3),
                shard="s",
                at=str(-number),
            )
            put(database, "ranged", id="ab"[number % 2], row=f"{number:02}", shard="s", at=str(number))
        assert ids(database, "place", ("rank", "=", [{"S": "1"}])) == ["04", "10", "16"]
        assert ids(database, "place", ("rank", "BEGINS_WITH", [{"S": "2"}]), scan_index_forward=False) == [
            "14",
            "08",
            "02",
        ]
        assert ids(database, "wake", ("at", "<=", [{"N": "-17.0"}])) == ["19", "18", "17"]
        assert ids(database, "group", limit=2) == ["00", "02"]
        assert ids(database, "hour", table="ranged", limit=1) == ["a"]
        assert ids(database, None, ("row", ">", [{"S": "14"}]), table="ranged", consistent_read=True) == ["a", "a"]
        assert ids(database, "at", ("at", "BETWEEN", [{"N": "9"}, {"N": "11"}]), table="ranged") == ["a"]
        assert ids(database, None) == []


@pytest.mark.parametrize("way", [replacing_moto, nullcontext])
@pytest.mark.parametrize("forward", [True, False])
def test_a_nearly_full_page_ends_at_an_item_outside_the_condition(way: Any, forward: bool) -> None:
    with way():
        database = make_backend()
        for rank in "abcdef":
            put(database, "flat", id=rank, lane="x", rank=rank, note="x" * 240_000)
        condition = ("rank", "BETWEEN", [{"S": "b"}, {"S": "e"}])
        found, _, last = database.query(**query_arguments("flat", "place", [("lane", {"S": "x"})], [condition])
                                    | {"scan_index_forward": forward})  # fmt: skip
        assert len(found) == 4 and last is not None
        assert last["rank"].value == ("e" if forward else "b")


def test_items_written_without_moto_are_found() -> None:
    """Benchmarks put thousands of items directly into a table, and tests replace all items by earlier ones."""
    with replacing_moto():
        database = make_backend()
        put(database, "flat", id="1", lane="x", rank="a")
        put(database, "ranged", id="a", row="1")
        flat, ranged = database.tables["flat"], database.tables["ranged"]
        assert ids(database, "place") == ["1"] and ids(database, None, table="ranged") == ["a"]
        before = dict(flat.items)
        for number in "23":
            attributes = {"id": {"S": number}, "lane": {"S": "x"}, "rank": {"S": number}}
            item = Item(DynamoType({"S": number}), None, attributes)
            flat.items[DynamoType({"S": number})] = item  # type: ignore[assignment]
            row = DynamoType({"S": number})
            ranged.items[DynamoType({"S": "a"})][row] = Item(
                DynamoType({"S": "a"}), row, {"id": {"S": "a"}, "row": {"S": number}}
            )
        assert ids(database, "place") == ["2", "3", "1"] and ids(database, None, table="ranged") == ["a"] * 3
        flat.items = before  # type: ignore[assignment]
        assert ids(database, "place") == ["1"]


def test_a_changed_index_is_sorted_again() -> None:
    with replacing_moto():
        database = make_backend()
        put(database, "flat", id="1", lane="x", rank="b", at="1")
        put(database, "flat", id="2", lane="x", rank="a", at="2")
        assert ids(database, "place") == ["2", "1"]
        update = {"IndexName": "place", "KeySchema": schema({"lane": "HASH", "at": "RANGE"}), "Projection": ALL}
        database.update_table("flat", [], [{"Update": update}], {}, "", {}, None, None)
        database.tables["flat"].attr = [{"AttributeName": name, "AttributeType": kind} for name, kind in KINDS.items()]
        assert ids(database, "place") == ["1", "2"]
