"""To which caller an Idempotency-Key belongs."""

from itertools import combinations

from chalicelib.engine.tasks.idempotency import scoped_key

PAIRS = [
    ("surveys", "ada", "k"),
    ("coordinator", "ada", "k"),
    ("surveys", "bob", "k"),
    ("surveys", "ada", "l"),
    ("surveys", 'ada", "k', ""),
    ("surveys", "ada,k", ""),
    ("surveys", "", "ada, k"),
]


def test_no_two_callers_and_no_two_apis_share_a_key() -> None:
    assert all(scoped_key(*first) != scoped_key(*second) for first, second in combinations(PAIRS, 2))


def test_the_same_call_has_the_same_key() -> None:
    assert scoped_key("surveys", "ada", "k") == scoped_key("surveys", "ada", "k")
