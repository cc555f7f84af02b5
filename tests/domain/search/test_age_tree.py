from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.search import age_tree

INSTANTS = st.integers(1_699_999_990_000, 1_700_000_010_000) | st.integers(0, 2**42 - 3)


@given(st.lists(INSTANTS, max_size=20), INSTANTS)
def test_the_nodes_on_the_way_to_an_instant_know_how_many_are_older(instants: list[int], at: int) -> None:
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for instant in instants:
        for node in age_tree.path(instant):
            counted[node.name][age_tree.DIGITS[node.digit]] += 1
    for one in [at, *instants, *(instant + 1 for instant in instants)]:
        assert age_tree.count_older(one, counted) == sum(instant < one for instant in instants)


def test_a_path_is_six_nodes_and_never_leaves_the_tree() -> None:
    for at in (-1, 0, 1_700_000_000_000, 2**60):
        nodes = list(age_tree.path(at))
        assert len({node.name for node in nodes}) == age_tree.DEPTH
        assert all(0 <= node.digit < len(age_tree.DIGITS) for node in nodes)
