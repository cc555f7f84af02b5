from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.round_robin import interleave

ITEMS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers()))


def owner(item: tuple[str, int]) -> str:
    return item[0]


def test_each_owner_has_its_turn_and_whose_first_item_came_first_begins() -> None:
    assert "".join(interleave("bbbbab", lambda item: item)) == "babbbb"


@given(ITEMS)
def test_nothing_is_lost_or_doubled_and_each_owners_order_is_kept(items: list[tuple[str, int]]) -> None:
    interleaved = list(interleave(items, owner))
    assert sorted(interleaved) == sorted(items)
    for name in "abcd":
        assert [one for one in interleaved if owner(one) == name] == [one for one in items if owner(one) == name]


@given(ITEMS)
def test_nobody_waits_for_more_of_anothers_items_than_it_has_itself(items: list[tuple[str, int]]) -> None:
    interleaved = list(interleave(items, owner))
    for name in {owner(item) for item in items}:
        mine = [place for place, item in enumerate(interleaved) if owner(item) == name]
        for number, place in enumerate(mine, 1):
            others = [owner(item) for item in interleaved[:place] if owner(item) != name]
            assert all(others.count(other) <= number for other in others)
