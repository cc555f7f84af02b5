"""Histories of commits.

1 - 2 - 3 - 6
 \\     \\   /
  4 - 5 -
"""

from typing import Any

from chalicelib.domain.workspaces import history

PARENTS = {"2": ("1",), "3": ("2",), "4": ("1",), "5": ("4", "2"), "6": ("3", "5")}


def test_what_can_be_reached() -> None:
    assert history.reachable("6", PARENTS) == set("123456")
    assert history.reachable("3", PARENTS) == set("123")
    assert history.reachable("6", PARENTS, stop={"3", "4"}) == set("6521")
    assert history.reachable(None, PARENTS) == set()


def test_parents_come_first() -> None:
    ordered = history.in_order(set("123456"), PARENTS)
    assert sorted(ordered) == list("123456")
    assert all(ordered.index(parent) < ordered.index(each) for each, above in PARENTS.items() for parent in above)
    assert history.in_order({"6", "3"}, PARENTS) == ["3", "6"]


def test_a_long_history_needs_no_deep_calls() -> None:
    parents = {str(number): (str(number - 1),) for number in range(1, 20_000)}
    ordered = history.in_order(set(parents), parents)
    assert ordered[0] == "1"
    assert history.generations(ordered, parents, {"0": 5})["19999"] == 20_004


def test_a_history_in_which_each_commit_has_all_earlier_ones_as_parents() -> None:
    """Nothing bounds the time but that each commit is looked at twice."""
    looked_at: list[str] = []

    class Counting(dict[str, tuple[str, ...]]):
        def get(self, key: str, default: Any = None) -> Any:
            looked_at.append(key)
            return super().get(key, default)

    names = [str(number) for number in range(100)]
    parents = Counting({name: tuple(names[:number]) for number, name in enumerate(names)})
    assert history.in_order(set(names), parents) == names
    assert len(looked_at) <= 2 * len(names)


def test_generations() -> None:
    found = history.generations(history.in_order(set("123456"), PARENTS), PARENTS, {})
    assert found == {"1": 1, "2": 2, "3": 3, "4": 2, "5": 3, "6": 4}


def test_merge_bases() -> None:
    generations = history.generations(history.in_order(set("123456"), PARENTS), PARENTS, {})

    def base(one: str, other: str) -> str | None:
        return history.merge_base(one, other, PARENTS, lambda commit: generations[commit])

    assert base("3", "5") == "2"
    assert base("3", "4") == "1"
    assert base("6", "3") == "3"
    assert history.merge_base("a", "b", {}, lambda _: 1) is None
