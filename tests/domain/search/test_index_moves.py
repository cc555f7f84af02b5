"""What becomes of the lists: whatever is cut, packed, repeated or late, they end up as the tasks are."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.search import index_moves
from chalicelib.domain.search.index_moves import MOST_WRITES, Filed, Move
from tests.domain import samples

MARKS = st.frozensets(
    st.sampled_from([*(f"word=w{n}" for n in range(150)), "all=", "held\tall=", "pending\tall="]), max_size=153
)


def move(number: int, before: frozenset[str], after: frozenset[str]) -> Move:
    return Move("acme", "projects", f"{number:013d}#task_{number}", Filed(4, before), Filed(5, after))


def touched(one: Move) -> set[object]:
    marks = one.added | one.removed
    return {one.ledger, *one.rows(marks), *(row for row, _ in one.counts(marks))}


@given(st.lists(st.tuples(MARKS, MARKS), max_size=4))
def test_each_transaction_fits_and_all_of_them_lead_to_where_the_tasks_are(
    found: list[tuple[frozenset[str], ...]],
) -> None:
    moves = [move(number, *pair) for number, pair in enumerate(found)]
    stored = {one.place: one.before for one in moves}
    waiting = moves
    while waiting:
        first, waiting = index_moves.packed(waiting)
        assert first
        assert len({row for one in first for row in touched(one)}) <= MOST_WRITES
        assert len({one.place for one in first}) == len(first)
        for one in first:
            assert stored[one.place] == one.before
            stored[one.place] = one.after
    assert stored == {one.place: one.after for one in moves}


def test_small_moves_share_a_transaction() -> None:
    moves = [move(number, frozenset(), frozenset({"phase=x", "pending\tall="})) for number in range(60)]
    first, rest = index_moves.packed(moves)
    assert (len(first), len(rest)) == (49, 11)


def test_changes_of_one_task_are_one_move_and_its_removal_files_it_under_nothing() -> None:
    first, second, other = samples.ready(), samples.leased(), samples.ready(id="task_2")
    [one, two] = index_moves.moves([(None, first), (None, other), (first, second)])
    assert (one.before, one.after, two.place) == (Filed(), index_moves.filed(second), "0001000000000#task_2")
    assert index_moves.moves([(None, first), (first, second), (None, first)])[0].after == index_moves.filed(second)
    [gone] = index_moves.moves([(second, None)])
    assert gone.after == Filed(second.version + 1)


def test_what_is_filed_as_new_already_is_not_moved_back() -> None:
    first, second = samples.ready(), samples.leased()
    [late] = index_moves.moves([(None, first)])
    assert index_moves.again(late, index_moves.filed(second)) is None
    assert index_moves.again(late, index_moves.filed(first)) is None
    assert index_moves.again(late, Filed(0, frozenset({"all="}))) == late._replace(before=Filed(0, frozenset({"all="})))
