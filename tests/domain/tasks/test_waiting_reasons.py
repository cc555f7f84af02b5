"""The reason why a task waits is computed by the rules that place it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.tasks.balancing import Balancer
from chalicelib.domain.tasks.task import ConcurrencyLimit, Needs
from chalicelib.domain.tasks.waiting_reasons import limit_reason, missing_worker, ready_reason, unready_reason
from chalicelib.domain.tasks.worker import BUILT_IN, Health, Pool, Worker
from chalicelib.domain.tasks.worker_trust import retry_from_task
from tests.domain import samples
from tests.domain.samples import NOW

POOL = Pool(org="acme", pool="processing")
GPU = Needs(frozenset({"gpu"}))
SHUT = {"timezone": "UTC", "start": "00:00", "end": "00:01"}
BUSY = {"leases": {"task_x": 1}}
LATER, LATER_SAID = NOW + 5_000_500, "1970-01-12T15:10:01Z"


def worker(name: str = "a", **reason_text: Any) -> Worker:
    return samples.worker(name, **({"capabilities": ("gpu",)} | reason_text))


def reason_text(*candidates: Worker, needs: Needs = GPU, kind: str = "server", pool: Pool = POOL, **more: Any) -> str:
    task = samples.ready(
        capabilities=tuple(needs.capabilities), group=needs.group, concurrency_limit=needs.concurrency_limit
    )
    return ready_reason(replace(task, wanted_worker=needs.worker, **more), pool, candidates, NOW, kind)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (samples.sleeping(), "its time: not before 1970-01-12T13:47:40Z"),
        (samples.sleeping(attempts=1), "its next attempt: not before 1970-01-12T13:47:40Z"),
        (replace(samples.sleeping(), run_at=NOW), None),
        (samples.ready(manual=True), "its owner"),
        (samples.ready(), None),
        (samples.leased(), None),
        *((task, None) for task in samples.one_in_each_state().values() if task.is_terminal or task.is_held),
    ],
)
def test_a_moment_and_its_owner_come_before_any_worker(task: Any, words: str | None) -> None:
    assert unready_reason(task, NOW, "its owner") == words


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (Needs(), "a live server"),
        (GPU, "a live server that offers gpu"),
        (Needs(frozenset({"gpu", "big", "eu"})), "a live server that offers big, eu and gpu"),
        (Needs(group="g"), "a live server in group g"),
        (Needs(frozenset({"gpu"}), "g"), "a live server in group g that offers gpu"),
    ],
)
def test_what_nobody_offers_is_named(needs: Needs, words: str) -> None:
    other = samples.worker("other", capabilities=("cpu",))
    world = samples.worker(BUILT_IN, capabilities=("sentiment",))
    gone = worker("gone", removed=True, groups=("g",))
    assert reason_text(needs=needs) == reason_text(gone, world, needs=needs) == f"{words}: none is registered"
    if needs != Needs():
        assert reason_text(other, world, needs=needs) == f"{words}: the one registered server does not"
        assert reason_text(other, worker("b", capabilities=()), needs=needs).endswith(
            "none of the 2 registered servers does"
        )


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"alive": False}, "a live server that offers gpu: a is offline"),
        ({"last_heartbeat_at": NOW - 90_000}, "a live server that offers gpu: a is offline"),
        ({"socket": True}, "a live server that offers gpu: a is not connected"),
        ({"maintenance": True}, "a server in rotation that offers gpu: a is in maintenance"),
        ({"health": Health.UNHEALTHY}, "room on a server that offers gpu: a says that it is unhealthy"),
        ({"hours": SHUT}, "room on a server that offers gpu: a is outside its working hours"),
        ({"rest_until": LATER}, f"room on a server that offers gpu: a rests until {LATER_SAID}"),
        (BUSY, "room on a server that offers gpu: a is busy (1 of 1 slots in use)"),
        (BUSY | {"max_concurrent": 2}, "its turn: a has room"),
        ({"rest_until": NOW}, "its turn: a has room"),
        (
            {"unreached": 1, "suspended_until": LATER},
            f"room on a server that offers gpu: a rests until {LATER_SAID}, since it could not be reached",
        ),
        (
            {"unreached": 1, "suspended_until": NOW},
            "room on a server that offers gpu: a rests until it has been probed, since it could not be reached",
        ),
        (
            {"unreached": 1, "suspended_until": NOW, "on_trial": True},
            "room on a server that offers gpu: a rests until it has answered the task that it has, "
            "since it could not be reached before",
        ),
        (
            {"attempt_failures": 3, "placed_at": NOW},
            "room on a server that offers gpu: a rests until 1970-01-12T13:46:41Z",
        ),
        (
            {"attempt_failures": 3, "max_concurrent": 9, **BUSY},
            "room on a server that offers gpu: a is busy (1 of 1 slots in use)",
        ),
    ],
)
def test_what_keeps_the_one_that_could_from_taking_it_is_named(state: dict[str, Any], words: str) -> None:
    assert reason_text(worker(**state)) == words
    alone = reason_text(worker(**state), needs=GPU._replace(worker="a"))
    assert alone == (f"server a, which {words.partition(': a ')[2]}" if "turn" not in words else words)


def test_all_that_are_busy_are_counted() -> None:
    candidates = [worker("a", **BUSY), worker("b", max_concurrent=2, leases={"x": 1, "y": 1})]
    assert reason_text(*candidates) == "room on a server that offers gpu: all 2 are busy (3 of 3 slots in use)"


def test_of_many_the_nearest_to_taking_it_are_named() -> None:
    candidates = [
        worker("a", alive=False), worker("b", maintenance=True), worker("c", **BUSY), worker("d", alive=False),
        worker("e", rest_until=LATER),
    ]  # fmt: skip
    assert reason_text(*candidates) == (
        "room on a server that offers gpu: c is busy (1 of 1 slots in use), "
        f"e rests until {LATER_SAID}, b is in maintenance, and 2 more cannot take it"
    )


def test_a_permit_that_others_hold_comes_first() -> None:
    needs = GPU._replace(concurrency_limit=ConcurrencyLimit("k", 1))
    held = replace(POOL, limit_holders={"k": frozenset({"task_y"})})
    assert reason_text(needs=needs, pool=held) == "its turn on k: 1 of 1 in use by task_y"
    assert reason_text(worker(), needs=needs) == "its turn: a has room"
    assert limit_reason(ConcurrencyLimit("k", 5), "edcba") == "its turn on k: 5 of 5 in use by a, b, c, ..."


@pytest.mark.parametrize(
    ("candidates", "words"),
    [
        ([], "is not registered"),
        ([worker("b")], "is not registered"),
        ([worker(removed=True)], "is not registered"),
        ([samples.worker()], "does not offer gpu"),
        ([worker(alive=False)], "is offline"),
        ([worker(**BUSY)], "is busy (1 of 1 slots in use)"),
    ],
)
def test_of_the_only_one_that_may_take_it_is_said_how_it_is(candidates: list[Worker], words: str) -> None:
    assert reason_text(*candidates, needs=GPU._replace(worker="a"), kind="agent") == f"agent a, which {words}"


def test_a_task_that_failed_waits_for_a_better_worker_than_the_free_one() -> None:
    bad, good = worker("bad", attempt_failures=1), worker("good", **BUSY)
    words = "room on a more reliable server, after {}: good is busy (1 of 1 slots in use)"
    assert reason_text(bad, good, attempts=1, failed_on=("bad",)) == words.format("1 failed attempt")
    assert reason_text(bad, good, attempts=2, failed_on=("bad",)) == words.format("2 failed attempts")
    new = worker("new", max_concurrent=2, **BUSY)
    assert reason_text(bad, new, attempts=2) == "a server that has completed a task, after 2 failed attempts"


def test_the_built_in_performer_is_named_as_what_it_is() -> None:
    world = worker(BUILT_IN, heartbeat_timeout_ms=0, leases={"x": 1})
    assert (
        reason_text(world) == "room on a server that offers gpu: the built-in performer is busy (1 of 1 slots in use)"
    )


def test_words_without_a_task_are_those_of_a_whole_lane() -> None:
    assert missing_worker([worker(maintenance=True)], GPU, NOW, "agent") == "an agent in rotation that offers gpu"


states = st.fixed_dictionaries(
    {
        "alive": st.booleans(),
        "maintenance": st.booleans(),
        "health": st.sampled_from(Health),
        "rest_until": st.sampled_from([None, NOW, LATER]),
        "hours": st.sampled_from([None, SHUT]),
        "socket": st.booleans(),
        "connection": st.sampled_from([None, "c"]),
        "last_heartbeat_at": st.sampled_from([NOW, NOW - 90_000]),
        "leases": st.sampled_from([{}, {"x": 1}]),
        "attempt_failures": st.sampled_from([0, 1, 3]),
        "placed_at": st.sampled_from([None, NOW]),
        "unreached": st.sampled_from([0, 1]),
        "suspended_until": st.sampled_from([None, NOW, LATER]),
        "capabilities": st.sampled_from([(), ("gpu",)]),
        "endpoints": st.sampled_from([{}, {"predict": "https://a.example", "health": "https://a.example"}]),
    }
)


@given(st.lists(states, max_size=4), st.integers(0, 2))
def test_the_reason_is_its_turn_exactly_where_a_worker_would_get_the_task(
    found: list[dict[str, Any]], attempts: int
) -> None:
    candidates = [samples.worker(f"w{number}", **state) for number, state in enumerate(found)]
    failed = {"attempts": attempts, "failed_on": ("w0",) if attempts else ()}
    words = reason_text(*candidates, **failed)
    retry = retry_from_task(samples.ready(**failed), NOW)
    chosen = Balancer(POOL, candidates, NOW, lambda: 0.0).choose(GPU, retry)
    assert words.startswith("its turn: ") is (chosen is not None)
    assert "takes no tasks now" not in words, "an obstacle that has no words"
