"""Capacity units by DynamoDB's rules."""

import pytest

from bench import units
from bench.units import Index, Item

BY_READINESS = Index(
    {
        "KeySchema": [{"AttributeName": "lane"}, {"AttributeName": "rank"}],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["avoid"]},
    },
    ["id"],
)
READY: Item = {"id": {"S": "a"}, "lane": {"S": "l"}, "rank": {"S": "1"}, "status": {"S": "pending"}}


def of_size(size: int) -> Item:
    return {"id": {"S": "x" * (size - 2)}}


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"id": {"S": "müll"}}, 2 + 5),
        ({"n": {"N": "1704556800000"}}, 1 + 8),
        ({"b": {"BOOL": True}}, 1 + 1),
        ({"l": {"L": [{"S": "ab"}, {"S": "c"}]}}, 1 + 3 + (1 + 2) + (1 + 1)),
        ({"m": {"M": {"key": {"S": "ab"}}}}, 1 + 3 + (1 + 3 + 2)),
    ],
)
def test_an_items_size_is_that_of_its_names_and_values(item: Item, size: int) -> None:
    assert units.size(item) == size


def test_a_value_of_a_type_without_a_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="No rule for the size of B"):
        units.size({"id": {"B": b"x"}})


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (None, of_size(1024), 1),
        (None, of_size(1025), 2),
        (of_size(3000), of_size(10), 3),
        (of_size(2000), None, 2),
        (None, None, 1),
    ],
)
def test_a_write_costs_the_larger_of_before_and_after(before: Item | None, after: Item | None, wanted: int) -> None:
    assert units.count_written(before, after, []) == wanted


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        (READY, 0),
        (READY | {"status": {"S": "leased"}}, 0),
        (READY | {"avoid": {"S": "w"}}, 1),
        (READY | {"rank": {"S": "2"}}, 2),
        ({"id": {"S": "a"}}, 1),
        (None, 1),
    ],
    ids=["same", "not projected", "projected", "key moves", "leaves the index", "deleted"],
)
def test_an_index_costs_what_changes_in_it(after: Item | None, wanted: int) -> None:
    assert BY_READINESS.write(READY, after) == wanted


def test_a_query_adds_its_items_up_and_reads_by_key_are_rounded_one_by_one() -> None:
    items = [of_size(100)] * 10
    assert units.read(items, together=True, consistent=True) == 1
    assert units.read(items, together=False, consistent=True) == 10
    assert units.read([of_size(4097)], together=False, consistent=False) == 1
    assert units.read([], together=True, consistent=False) == 0.5
