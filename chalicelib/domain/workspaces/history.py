"""Histories of commits: what can be reached, what is new, and where two histories part."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

Parents = Mapping[str, Sequence[str]]
"""Commit -> its parents. A commit that is not in it has none that are known."""


def reachable(tip: str | None, parents: Parents, stop: Collection[str] = ()) -> set[str]:
    """The commits that can be reached from `tip`, itself included, without going through those of `stop`."""
    reached: set[str] = set()
    waiting = [tip] if tip is not None else []
    while waiting:
        commit = waiting.pop()
        if commit not in reached and commit not in stop:
            reached.add(commit)
            waiting += parents.get(commit, ())
    return reached


def in_order(commits: Collection[str], parents: Parents) -> list[str]:
    """The commits with each after its parents."""
    ordered: dict[str, None] = {}
    for start in sorted(commits):
        waiting = [start]
        while waiting:
            commit = waiting[-1]
            above = () if commit in ordered else parents.get(commit, ())
            missing = [each for each in above if each in commits and each not in ordered]
            if missing:
                waiting += missing
            else:
                ordered.setdefault(waiting.pop())
    return list(ordered)


def generations(ordered: Iterable[str], parents: Parents, known_generations: Mapping[str, int]) -> dict[str, int]:
    """The generation of each commit: one more than the largest of its parents'. `ordered` has parents first."""
    computed: dict[str, int] = {}
    for commit in ordered:
        above = (computed.get(parent, known_generations.get(parent, 0)) for parent in parents.get(commit, ()))
        computed[commit] = 1 + max(above, default=0)
    return computed


def merge_base(first: str, second: str, parents: Parents, generation: Callable[[str], int]) -> str | None:
    """A best common ancestor of two commits: one from which no other common ancestor is later. None when they have no
    common history."""
    common = reachable(first, parents) & reachable(second, parents)
    return max(common, key=lambda commit: (generation(commit), commit), default=None)
