"""When two JSON values are equal: in any order of keys, and with any notation of numbers."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.engine.tasks import payloads
from chalicelib.errors import Conflict, IdempotencyMismatch
from tests.engine.helpers import complete, hand_over_task, pull
from tests.support.world import World

SAME = [
    ("2", "2.0"),
    ("2", "0.2e1"),
    ("100", "1e2"),
    ("0", "-0.0"),
    ("1e23", "100000000000000000000000"),
    ("1e308", "1" + "0" * 308),
    ('{"a": [1, {"b": 2}]}', '{"a": [1.0, {"b": 2.0}]}'),
    ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'),
]
OTHER = [
    ("2", "2.5"),
    ("1", "true"),
    ("0", "false"),
    ("0", "null"),
    ("2", '"2"'),
    ("9007199254740993", "9007199254740992"),
    ("1e23", "99999999999999991611392"),
    ("[1, 2]", "[2, 1]"),
]
LARGE = "x" * 120_000
"""Larger than a payload that is stored in the task's item."""


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_is_equal_in_json_has_one_digest(one: str, other: str) -> None:
    assert payloads.digest(json.loads(one)) == payloads.digest(json.loads(other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_differs_in_json_has_another(one: str, other: str) -> None:
    assert payloads.digest(json.loads(one)) != payloads.digest(json.loads(other))


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_is_itself_as_a_fraction(number: int) -> None:
    assert payloads.digest([number]) == payloads.digest([float(number)])


Wrap = Callable[[Any], Any]
AS_IT_IS: Wrap = lambda value: value  # noqa: E731
WITH_LARGE: Wrap = lambda value: {"n": value, "text": LARGE}  # noqa: E731


@pytest.mark.parametrize("wrap", [AS_IT_IS, WITH_LARGE], ids=["in the item", "in S3"])
def test_a_result_made_again_in_another_spelling_is_accepted(world: World, wrap: Wrap) -> None:
    pull(world)
    task = hand_over_task(world)
    complete(task, wrap(2))
    done = world.task(task.id)
    complete(task, wrap(2.0))
    for other in (wrap(2.5), wrap(True), wrap("2")):
        with pytest.raises(Conflict, match="another result"):
            complete(task, other)
    assert world.task(task.id) == done


@pytest.mark.parametrize("wrap", [AS_IT_IS, WITH_LARGE], ids=["in the item", "in S3"])
def test_a_submission_made_again_in_another_spelling_gives_the_same_task(world: World, wrap: Wrap) -> None:
    first = world.submit(payload=wrap(100), metadata={"m": 0}, idempotency_key="k")
    assert world.submit(payload=wrap(1e2), metadata={"m": -0.0}, idempotency_key="k") == first
    with pytest.raises(IdempotencyMismatch):
        world.submit(payload=wrap(100.5), metadata={"m": 0}, idempotency_key="k")
