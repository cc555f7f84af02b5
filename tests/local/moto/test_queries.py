"""Whatever is written and asked, a query on sorted partitions answers as moto does by looking at every item."""

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
"""Its own keys, its global indexes, its local ones."""
CALLS = {
    "put": "put_item",
    "update": "update_item",
    "delete": "delete_item",
    "transact": "transact_write_items",
    "query": "query",
}
Step = tuple[str, dict[str, Any]]
NOTES = [{"S": "n"}, {"S": "x" * 180_000}, {"S": "x" * 180_000}, {"L": [{"N": "1"}, {"M": {"a": {"B": "AA=="}}}]}]


class Author:
    """Writes steps by chance: writes that meet one another, questions about what they wrote."""

    def __init__(self, seed: int, *, odd: bool) -> None:
        self._random, self._odd = Random(seed), odd

    def steps(self) -> list[Step]:
        kinds = [self.put] * 5 + [self.update] * 3 + [self.delete] + [self.transact] + [self.query] * 6
        return [self._random.choice(kinds)() for _ in range(STEPS)]

    def put(self) -> Step:
        table = self._table()
        return "put", {"table_name": table, "item_attrs": self._key(table) | self._attributes(table)}

    def update(self) -> Step:
        """Sets and removes. One in six is refused when the first of it is done already."""
        table = self._table()
        changed, named = self._attributes(table), ["lane", "at", "shard"]
        removed = [name for name in self._random.sample(named, self._chosen([0, 1, 2])) if name not in changed]
        if self._chosen(range(6)) == 0:
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
        """Several writes; half of them refused by what comes last."""
        writes = []
        for _ in range(self._chosen(range(1, 5))):
            kind, given = self._chosen([self.put, self.delete])()
            said = {"Item": given["item_attrs"]} if kind == "put" else {"Key": given["key"]}
            writes.append({kind.title(): {"TableName": given["table_name"], **said}})
        if self._chosen([True, False]):
            nobody = {
                "TableName": "flat",
                "Key": {"id": {"S": "nobody"}},
                "ConditionExpression": "attribute_exists(id)",
            }
            writes.append({"ConditionCheck": nobody})
        return "transact", {"transact_items": writes}

    def query(self) -> Step:
        table = self._table()
        index = self._chosen([None, *TABLES[table][1], *TABLES[table][2]])
        wanted = [(name, self._value(name)) for name, kind in keys_of(table, index).items() if kind == "HASH"]
        start = {name: self._value(name) for name in {**keys_of(table, index), **keys_of(table, None)}} | dict(wanted)
        return "query", {
            **asked(table, index, wanted, self._condition(table, index)),
            "limit": self._chosen([None, None, 1, 2, 3, 5]),
            "exclusive_start_key": self._chosen([None, None, start, self._key(table)]),
            "scan_index_forward": self._chosen([True, False]),
            "projection_expressions": self._chosen([[], [], [["id"], ["note"]]]),
            "consistent_read": self._chosen(range(10)) == 0,
            "expr_names": {},
            "expr_values": {":n": {"S": "n"}},
            "filter_expression": self._chosen([None, None, None, "note = :n", "attribute_exists(lane)"]),
        }

    def _condition(self, table: str, index: str | None) -> list[tuple[str, str, list[Any]]]:
        names = [name for name, kind in keys_of(table, index).items() if kind == "RANGE"]
        if not names or self._chosen([True, False]):
            return []
        comparison = self._chosen(["=", "<", "<=", ">", ">=", "BETWEEN", "BEGINS_WITH"])
        operands = [self._value(names[0]) for _ in range(2 if comparison == "BETWEEN" else 1)]
        return [(names[0], comparison, operands)]

    def _attributes(self, table: str) -> dict[str, Any]:
        others = [name for name in KINDS if name not in keys_of(table, None)]
        found = {name: self._value(name, odd=self._odd) for name in others if self._chosen(range(10)) < 7}
        return found | ({"note": self._chosen(NOTES)} if self._chosen([True, False]) else {})

    def _key(self, table: str) -> dict[str, Any]:
        return {name: self._value(name) for name in keys_of(table, None)}

    def _value(self, name: str, *, odd: bool = False) -> dict[str, str]:
        if odd and self._chosen(range(40)) == 0:
            return {"N": "7"} if KINDS[name] == "S" else {"S": "odd"}
        return {KINDS[name]: self._chosen(VALUES[name])}

    def _table(self) -> str:
        return str(self._chosen(list(TABLES)))

    def _chosen(self, among: Sequence[Any]) -> Any:
        return self._random.choice(among)


def asked(table: str, index: str | None, wanted: list[Any], conditions: list[Any]) -> dict[str, Any]:
    """A query's arguments as moto's own reading of the request gives them."""
    _, comparison, operands = conditions[-1] if conditions else (None, None, [])
    return {
        "table_name": table,
        "hash_key_dict": wanted[0][1],
        "range_comparison": comparison,
        "range_value_dicts": operands,
        "limit": None,
        "exclusive_start_key": None,
        "scan_index_forward": True,
        "projection_expressions": [],
        "index_name": index,
        "hash_key_conditions": wanted,
        "range_key_conditions": conditions,
    }


def keys_of(table: str, index: str | None) -> Keys:
    own, *indexes = TABLES[table]
    [found] = [given[index][0] for given in indexes if index in given] if index else [own]
    return found


def everything() -> list[Step]:
    """Every partition of every index."""
    found = []
    for table, (_, *indexes) in TABLES.items():
        for index in [None, *(name for given in indexes for name in given)]:
            [name, *more] = [name for name, kind in keys_of(table, index).items() if kind == "HASH"]
            wanted = [] if more else [[(name, {KINDS[name]: value})] for value in VALUES[name]]
            found += [("query", asked(table, index, one, [])) for one in wanted]
    return found


def backend() -> DynamoDBBackend:
    made = DynamoDBBackend("us-east-1", "123456789012")
    for name, (own, everywhere, local) in TABLES.items():
        made.create_table(
            name=name,
            schema=schema(own),
            throughput=None,
            attr=[{"AttributeName": name, "AttributeType": kind} for name, kind in KINDS.items()],
            global_indexes=declared(everywhere),
            indexes=declared(local),
            streams={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            billing_mode="PAY_PER_REQUEST",
            sse_specification=None,
            tags=[],
            deletion_protection_enabled=None,
            warm_throughput=None,
        )
    return made


def schema(keys: Keys) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()]


def declared(indexes: dict[str, tuple[Keys, Any]]) -> list[dict[str, Any]]:
    return [
        {"IndexName": name, "KeySchema": schema(keys), "Projection": projection}
        for name, (keys, projection) in indexes.items()
    ]


def outcome(made: DynamoDBBackend, step: Step) -> Any:
    name, given = step
    try:
        return plain(getattr(made, CALLS[name])(**given))
    except Exception as error:  # noqa: BLE001 - where moto breaks, so must the short way
        return type(error), str(error)


def plain(found: Any) -> Any:
    if isinstance(found, Item):
        return found.to_json()["Attributes"]
    if isinstance(found, DynamoType):
        return found.to_regular_json()
    if isinstance(found, dict):
        return {name: plain(value) for name, value in found.items()}
    return [plain(one) for one in found] if isinstance(found, list | tuple) else found


@contextmanager
def short() -> Iterator[None]:
    with fast_paths.taken(), transactions.light():
        yield


def outcomes(steps: list[Step], way: AbstractContextManager[None]) -> list[Any]:
    with way:
        made = backend()
        return [outcome(made, step) for step in steps]


@pytest.mark.parametrize("odd", [False, True], ids=["right types", "types that DynamoDB would refuse"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_all_answers_are_motos(seed: int, odd: bool) -> None:
    steps = Author(seed, odd=odd).steps() + everything()
    for step, by_short_ways, by_moto in zip(
        steps, outcomes(steps, short()), outcomes(steps, nullcontext()), strict=True
    ):
        assert by_short_ways == by_moto, step


def put(made: DynamoDBBackend, table: str, **values: str) -> None:
    made.put_item(table, {name: {KINDS.get(name, "S"): value} for name, value in values.items()})


def ids(made: DynamoDBBackend, index: str | None, *conditions: Any, **more: Any) -> list[str]:
    """Of one page of a table's `x`, or `s`, or `a`."""
    table = more.pop("table", "flat")
    name, value = {"lane": "x", "shard": "s", "id": "a"}, next(iter(keys_of(table, index)))
    wanted = [(value, {"S": name[value]})]
    found, _, _ = made.query(**asked(table, index, wanted, list(conditions)) | more)
    return [item.attrs["id"].value for item in found]


def test_no_query_of_one_partition_looks_at_all_items() -> None:
    with short(), patch.object(Table, "all_items", side_effect=AssertionError("all items were looked at")):
        made = backend()
        for number in range(20):
            put(
                made, "flat", id=f"{number:02}", lane="xy"[number % 2], rank=str(number % 3), shard="s", at=str(-number)
            )
            put(made, "ranged", id="ab"[number % 2], row=f"{number:02}", shard="s", at=str(number))
        assert ids(made, "place", ("rank", "=", [{"S": "1"}])) == ["04", "10", "16"]
        assert ids(made, "place", ("rank", "BEGINS_WITH", [{"S": "2"}]), scan_index_forward=False) == ["14", "08", "02"]
        assert ids(made, "wake", ("at", "<=", [{"N": "-17.0"}])) == ["19", "18", "17"]
        assert ids(made, "group", limit=2) == ["00", "02"]
        assert ids(made, "hour", table="ranged", limit=1) == ["a"]
        assert ids(made, None, ("row", ">", [{"S": "14"}]), table="ranged", consistent_read=True) == ["a", "a"]
        assert ids(made, "at", ("at", "BETWEEN", [{"N": "9"}, {"N": "11"}]), table="ranged") == ["a"]
        assert ids(made, None) == []


@pytest.mark.parametrize("way", [short, nullcontext])
@pytest.mark.parametrize("forward", [True, False])
def test_a_page_that_is_nearly_full_is_ended_by_what_was_not_asked_for(way: Any, forward: bool) -> None:
    with way():
        made = backend()
        for rank in "abcdef":
            put(made, "flat", id=rank, lane="x", rank=rank, note="x" * 240_000)
        condition = ("rank", "BETWEEN", [{"S": "b"}, {"S": "e"}])
        found, _, last = made.query(**asked("flat", "place", [("lane", {"S": "x"})], [condition])
                                    | {"scan_index_forward": forward})  # fmt: skip
        assert len(found) == 4 and last is not None
        assert last["rank"].value == ("e" if forward else "b")


def test_what_came_past_moto_is_seen() -> None:
    """As benchmarks put thousands of items into a table, and tests all items back that were there before."""
    with short():
        made = backend()
        put(made, "flat", id="1", lane="x", rank="a")
        put(made, "ranged", id="a", row="1")
        flat, ranged = made.tables["flat"], made.tables["ranged"]
        assert ids(made, "place") == ["1"] and ids(made, None, table="ranged") == ["a"]
        before = dict(flat.items)
        for number in "23":
            attributes = {"id": {"S": number}, "lane": {"S": "x"}, "rank": {"S": number}}
            item = Item(DynamoType({"S": number}), None, attributes)
            flat.items[DynamoType({"S": number})] = item  # type: ignore[assignment]
            row = DynamoType({"S": number})
            ranged.items[DynamoType({"S": "a"})][row] = Item(
                DynamoType({"S": "a"}), row, {"id": {"S": "a"}, "row": {"S": number}}
            )
        assert ids(made, "place") == ["2", "3", "1"] and ids(made, None, table="ranged") == ["a"] * 3
        flat.items = before  # type: ignore[assignment]
        assert ids(made, "place") == ["1"]


def test_an_index_that_is_changed_is_sorted_anew() -> None:
    with short():
        made = backend()
        put(made, "flat", id="1", lane="x", rank="b", at="1")
        put(made, "flat", id="2", lane="x", rank="a", at="2")
        assert ids(made, "place") == ["2", "1"]
        update = {"IndexName": "place", "KeySchema": schema({"lane": "HASH", "at": "RANGE"}), "Projection": ALL}
        made.update_table("flat", [], [{"Update": update}], {}, "", {}, None, None)
        made.tables["flat"].attr = [{"AttributeName": name, "AttributeType": kind} for name, kind in KINDS.items()]
        assert ids(made, "place") == ["1", "2"]
