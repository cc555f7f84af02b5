from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.tasks.balancing import Algorithm, Balancer
from chalicelib.domain.tasks.task import Needs
from chalicelib.domain.tasks.worker import BUILT_IN, Health, Pool, Worker
from chalicelib.domain.tasks.worker_trust import Retry
from tests.domain.samples import NOW, worker

ANY = Needs()


def pool(algorithm: Algorithm, **said: Any) -> Pool:
    return Pool(org="acme", pool="processing", algorithm=str(algorithm), **said)


def balancer(algorithm: Algorithm, *workers: Worker, memory: Pool | None = None, chance: float = 0.0) -> Balancer:
    return Balancer(memory or pool(algorithm), workers, NOW, lambda: chance)


def names(chooser: Balancer, count: int, needs: Needs = ANY) -> str:
    found = [chooser.choose(needs) for _ in range(count)]
    return " ".join(w.id if w else "-" for w in found)


def test_round_robin_goes_round_and_skips_the_full() -> None:
    candidates = [worker("a", max_concurrent=2), worker("b"), worker("c", max_concurrent=3)]
    assert names(balancer(Algorithm.ROUND_ROBIN, *candidates), 7) == "a b c a c c -"


def test_round_robin_goes_on_after_the_worker_it_chose_last_even_if_that_is_gone() -> None:
    candidates = [worker("a"), worker("c")]
    memory = pool(Algorithm.ROUND_ROBIN, cursor="b")
    chooser = balancer(Algorithm.ROUND_ROBIN, *candidates, memory=memory)
    assert names(chooser, 1) == "c"
    assert chooser.next_pool().cursor == "c"


def test_least_connections_chooses_the_fewest_leases_then_the_emptiest_share_then_the_name() -> None:
    candidates = [
        worker("a", max_concurrent=4, leases={"x": 1, "y": 1}),
        worker("b", max_concurrent=4, leases={"z": 1}),
        worker("c", max_concurrent=8, leases={"q": 1}),
    ]
    assert names(balancer(Algorithm.LEAST_CONNECTIONS, *candidates), 4) == "c b c a"


def test_weighted_round_robin_is_nginx_s_smooth_sequence() -> None:
    candidates = [
        worker("a", weight=5, max_concurrent=20),
        worker("b", max_concurrent=20),
        worker("c", max_concurrent=20),
    ]
    assert names(balancer(Algorithm.WEIGHTED_ROUND_ROBIN, *candidates), 14) == "a a b a c a a a a b a c a a"


def test_weighted_round_robin_goes_on_where_the_last_pass_stopped() -> None:
    candidates = [
        worker("a", weight=5, max_concurrent=20),
        worker("b", max_concurrent=20),
        worker("c", max_concurrent=20),
    ]
    memory, chosen = pool(Algorithm.WEIGHTED_ROUND_ROBIN), ""
    for _ in range(7):
        chooser = balancer(Algorithm.WEIGHTED_ROUND_ROBIN, *candidates, memory=memory)
        chosen += names(chooser, 1)
        memory = chooser.next_pool()
    assert chosen == "aabacaa"
    assert set(memory.weights.values()) == {0}


@given(weights=st.lists(st.integers(1, 100), min_size=1, max_size=5))
def test_over_one_cycle_every_worker_gets_exactly_its_weight(weights: list[int]) -> None:
    candidates = [worker(f"w{i}", weight=weight, max_concurrent=1_000) for i, weight in enumerate(weights)]
    found = names(balancer(Algorithm.WEIGHTED_ROUND_ROBIN, *candidates), sum(weights)).split()
    assert Counter(found) == {w.id: w.weight for w in candidates}


@pytest.mark.parametrize(("chance", "name"), [(0.0, "a"), (0.34, "b"), (0.67, "c"), (1 - 1e-12, "c")])
def test_random_chooses_by_chance_alone(chance: float, name: str) -> None:
    assert names(balancer(Algorithm.RANDOM, worker("a"), worker("b"), worker("c"), chance=chance), 1) == name


@pytest.mark.parametrize("algorithm", Algorithm)
def test_the_worker_that_failed_the_task_gets_it_again_only_if_nobody_else_can(algorithm: Algorithm) -> None:
    again = Retry(frozenset({"a"}), is_last=False)
    chooser = balancer(algorithm, worker("a", weight=100), worker("b"))
    first, second = chooser.choose(ANY, again), chooser.choose(ANY, again)
    assert (first and first.id, second) == ("b", None)
    alone = balancer(algorithm, worker("a"), worker("b", alive=False), worker("c", groups=("eu",), removed=True))
    assert alone.choose(ANY, again) is not None


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_degraded_worker_is_the_last_resort(algorithm: Algorithm) -> None:
    candidates = [worker("a", health=Health.DEGRADED, weight=100, max_concurrent=2), worker("b"), worker("c")]
    assert set(names(balancer(algorithm, *candidates), 2).split()) == {"b", "c"}
    assert names(balancer(algorithm, *candidates), 5).split()[2:] == ["a", "a", "-"]


OUT = {
    "unhealthy": {"health": Health.UNHEALTHY},
    "in maintenance": {"maintenance": True},
    "offline": {"alive": False},
    "removed": {"removed": True},
    "resting": {"rest_until": NOW + 1},
    "suspended": {"suspended_until": NOW + 1},
    "suspended until it was probed": {"suspended_until": NOW - 1},
    "pausing after three failures": {"attempt_failures": 3, "placed_at": NOW - 999},
    "failing and at work": {"attempt_failures": 3, "max_concurrent": 9, "leases": {"x": 1}},
    "full": {"leases": {"x": 1}},
    "overfull": {"leases": {"x": 1, "y": 1}},
    "without the capability": {"capabilities": ("gpu",)},
    "in another group": {"groups": ("eu",)},
}
NEEDS = Needs(capabilities=frozenset({"gpu", "ocr"}), group="us")


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("state", OUT)
def test_a_worker_that_cannot_take_the_task_never_gets_it(algorithm: Algorithm, state: str) -> None:
    fit = worker("a", capabilities=("gpu", "ocr"), groups=("us", "eu"))
    assert names(balancer(algorithm, fit), 1, NEEDS) == "a"
    unfit = balancer(algorithm, replace(fit, **OUT[state]))
    assert unfit.slots(NEEDS) == 0
    assert unfit.choose(NEEDS) is None


def test_a_worker_that_could_not_be_reached_before_is_given_one_task_a_pass() -> None:
    chooser = balancer(Algorithm.ROUND_ROBIN, worker("a", unreached=1, max_concurrent=9, leases={"x": 1, "y": 2}))
    assert names(chooser, 2) == "a -"
    chooser.undo_choice("a", ANY)
    assert names(chooser, 1) == "a"


def test_a_worker_whose_attempts_all_failed_is_given_one_task_after_a_pause_but_the_built_in_performers_are_not() -> (
    None
):
    assert names(balancer(Algorithm.ROUND_ROBIN, worker("a", attempt_failures=3, placed_at=NOW - 1_000)), 1) == "a"
    failing = worker("a", attempt_failures=7, max_concurrent=9, placed_at=NOW - 16_000)
    assert names(balancer(Algorithm.ROUND_ROBIN, failing), 2) == "a -"
    performers = replace(failing, id=BUILT_IN, placed_at=NOW, capabilities=("gpu",))
    gpu = Needs(capabilities=frozenset({"gpu"}))
    assert names(balancer(Algorithm.ROUND_ROBIN, performers), 2, gpu) == f"{BUILT_IN} {BUILT_IN}"


def test_a_rest_ends_at_its_moment() -> None:
    assert names(balancer(Algorithm.ROUND_ROBIN, worker("a", rest_until=NOW)), 1) == "a"


def test_slots_are_those_of_workers_that_fit_and_shrink_as_they_are_given_out() -> None:
    candidates = [worker("a", max_concurrent=3, capabilities=("gpu",)), worker("b", max_concurrent=2, leases={"x": 1})]
    chooser, gpu = balancer(Algorithm.LEAST_CONNECTIONS, *candidates), Needs(capabilities=frozenset({"gpu"}))
    assert (chooser.slots(ANY), chooser.slots(gpu)) == (4, 3)
    chooser.choose(gpu)
    assert (chooser.slots(ANY), chooser.slots(gpu)) == (3, 2)


def test_a_dropped_worker_gets_nothing_more_in_this_pass() -> None:
    chooser = balancer(Algorithm.ROUND_ROBIN, worker("a", max_concurrent=5), worker("b"))
    chooser.exclude_worker("a")
    assert names(chooser, 2) == "b -"


@given(
    sizes=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6), st.integers(1, 9)), max_size=6),
    algorithm=st.sampled_from(Algorithm),
    count=st.integers(0, 40),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_no_algorithm_gives_more_than_the_free_slots_or_leaves_one_free(
    sizes: list[tuple[int, int, int]], algorithm: Algorithm, count: int, chance: float
) -> None:
    candidates = [
        worker(f"w{i}", max_concurrent=most, leases={str(n): 1 for n in range(held)}, weight=weight)
        for i, (most, held, weight) in enumerate(sizes)
    ]
    given_out = Counter(names(balancer(algorithm, *candidates, chance=chance), count).split()) if count else Counter()
    assert sum(given_out.values()) - given_out["-"] == min(count, sum(w.free_slots for w in candidates))
    assert all(given_out[w.id] <= w.free_slots for w in candidates)


def test_yardmaster_does_what_it_has_a_performer_for_and_nothing_else() -> None:
    chooser = balancer(
        Algorithm.ROUND_ROBIN, worker(BUILT_IN, max_concurrent=2, capabilities=("sentiment",), heartbeat_timeout_ms=0)
    )
    assert chooser.slots(ANY) == 0
    assert names(chooser, 2) == "- -"
    assert names(chooser, 2, Needs(capabilities=frozenset({"sentiment"}))) == f"{BUILT_IN} {BUILT_IN}"
