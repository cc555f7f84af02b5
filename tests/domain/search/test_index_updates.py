"""Index updates: split, batched, repeated or delayed in any way, they lead to the index of the present tasks."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.search import index_updates
from chalicelib.domain.search.index_updates import (
    MAX_WRITES,
    IndexState,
    IndexUpdate,
    build_updates,
    index_state,
    rebase,
)
from tests.domain import samples

MARKS = st.frozensets(
    st.sampled_from([*(f"word=w{n}" for n in range(150)), "all=", "held\tall=", "pending\tall="]), max_size=153
)


def update(number: int, before: frozenset[str], after: frozenset[str]) -> IndexUpdate:
    return IndexUpdate("acme", "projects", f"{number:013d}#task_{number}", IndexState(4, before), IndexState(5, after))


def affected_rows(one: IndexUpdate) -> set[object]:
    marks = one.added_marks | one.removed_marks
    return {one.state_row, *one.rows(marks), *(row for row, _ in one.counters(marks))}


@given(st.lists(st.tuples(MARKS, MARKS), max_size=4))
def test_each_transaction_fits_and_all_of_them_lead_to_where_the_tasks_are(
    found: list[tuple[frozenset[str], ...]],
) -> None:
    updates = [update(number, *pair) for number, pair in enumerate(found)]
    stored = {one.position: one.before for one in updates}
    waiting = updates
    while waiting:
        first, waiting = index_updates.split_batch(waiting)
        assert first
        assert len({row for one in first for row in affected_rows(one)}) <= MAX_WRITES
        assert len({one.position for one in first}) == len(first)
        for one in first:
            assert stored[one.position] == one.before
            stored[one.position] = one.after
    assert stored == {one.position: one.after for one in updates}


def test_small_updates_share_a_transaction() -> None:
    updates = [update(number, frozenset(), frozenset({"phase=x", "pending\tall="})) for number in range(60)]
    first, rest = index_updates.split_batch(updates)
    assert (len(first), len(rest)) == (49, 11)


def test_changes_of_one_task_are_one_update_and_its_removal_indexes_it_under_nothing() -> None:
    first, second, other = samples.ready(), samples.leased(), samples.ready(id="task_2")
    [one, two] = build_updates([(None, first), (None, other), (first, second)])
    assert (one.before, one.after, two.position) == (
        IndexState(),
        index_state(second),
        "0001000000000#task_2",
    )
    assert build_updates([(None, first), (first, second), (None, first)])[0].after == index_state(second)
    [gone] = build_updates([(second, None)])
    assert gone.after == IndexState(second.version + 1)


def test_what_is_indexed_as_newer_is_not_changed_back() -> None:
    first, second = samples.ready(), samples.leased()
    [late] = build_updates([(None, first)])
    assert rebase(late, index_state(second)) is None
    assert rebase(late, index_state(first)) is None
    assert rebase(late, IndexState(0, frozenset({"all="}))) == late._replace(before=IndexState(0, frozenset({"all="})))
