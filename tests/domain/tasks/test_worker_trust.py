from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.tasks import transitions, worker_trust
from chalicelib.domain.tasks.worker import Worker
from chalicelib.domain.tasks.worker_trust import Retry
from tests.domain import samples
from tests.domain.samples import BACKOFF, FAILURE, NOW, worker

NEW, PROVEN = worker("new"), worker("proven", completed=1)
FAILING, GONE = worker("failing", attempt_failures=1, completed=9), worker("gone", unreached=1, completed=9)


def chosen_ids(fit: Sequence[Worker], busy: Sequence[Worker] = (), *failed_on: str, last: bool = False) -> set[str]:
    retry = Retry(frozenset(failed_on), is_last=last)
    return {found.id for found in worker_trust.allowed_workers(fit, [*fit, *busy], retry)}


def test_a_task_that_failed_goes_elsewhere_and_waits_for_it() -> None:
    assert chosen_ids([NEW, PROVEN], (), "new") == {"proven"}
    assert chosen_ids([NEW], [PROVEN], "new") == set()
    assert chosen_ids([NEW], (), "new") == {"new"}


def test_it_goes_to_whoever_is_trusted_and_waits_for_them() -> None:
    assert chosen_ids([NEW, PROVEN, FAILING, GONE], (), "other") == {"new", "proven"}
    assert chosen_ids([FAILING, GONE], [NEW], "other") == set()
    assert chosen_ids([FAILING, GONE], (), "failing") == {"gone"}
    assert chosen_ids([FAILING], (), "failing") == {"failing"}


def test_the_last_attempt_goes_to_a_proven_worker_and_waits_for_one() -> None:
    assert chosen_ids([NEW, PROVEN], (), "other", last=True) == {"proven"}
    assert chosen_ids([NEW], [PROVEN], "other", last=True) == set()
    assert chosen_ids([NEW, PROVEN], (), "proven", last=True) == {"proven"}


def test_the_last_attempt_waits_for_the_outcome_of_first_tasks() -> None:
    beginning = replace(worker("beginning", max_concurrent=3), leases={"x": 1})
    assert chosen_ids([NEW, beginning], (), "other", last=True) == set()
    assert chosen_ids([NEW], (), "other", last=True) == {"new"}
    assert chosen_ids([beginning], (), "beginning", last=True) == {"beginning"}


def test_what_may_fail_only_once_prefers_a_proven_worker_and_waits_for_nobody() -> None:
    retry = Retry(frozenset(), is_last=True, is_first=True)
    assert [w.id for w in worker_trust.allowed_workers([NEW, PROVEN, FAILING], [NEW, PROVEN, FAILING], retry)] == [
        "proven"
    ]
    assert [w.id for w in worker_trust.allowed_workers([NEW], [NEW, PROVEN], retry)] == ["new"]
    assert [w.id for w in worker_trust.allowed_workers([FAILING], [NEW, PROVEN, FAILING], retry)] == ["failing"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, None),
        ({"max_attempts": 1}, Retry(frozenset(), is_last=True, is_first=True)),
        ({"attempts": 1, "failed_on": ("a",)}, Retry(frozenset({"a"}), is_last=False)),
        ({"attempts": 2, "failed_on": ("a", "b")}, Retry(frozenset({"a", "b"}), is_last=True)),
    ],
)
def test_what_is_heeded_follows_from_what_is_left(said: dict[str, Any], expected: Retry | None) -> None:
    assert worker_trust.retry_from_task(samples.ready(**said), NOW) == expected


@pytest.mark.parametrize(
    ("limit_ms", "waited_ms", "impatient"),
    [
        (samples.HOUR, worker_trust.PATIENCE_MS - 1, False),
        (samples.HOUR, worker_trust.PATIENCE_MS, True),
        (60_000, 29_999, False),
        (60_000, 30_000, True),
    ],
)
def test_a_task_waits_so_long_for_workers_that_take_nothing(limit_ms: int, waited_ms: int, impatient: bool) -> None:
    failed = samples.ready(attempts=1, failed_on=("a",), schedule_to_start_ms=limit_ms)
    found = worker_trust.retry_from_task(failed, NOW + waited_ms)
    assert found == Retry(frozenset({"a"}), is_last=False, is_impatient=impatient)


def test_a_replayed_task_has_no_earlier_failures() -> None:
    failed = transitions.attempt_failed(samples.running(attempts=2, failed_on=("a",)), FAILURE, NOW, BACKOFF, 0.5)
    assert worker_trust.retry_from_task(transitions.replayed(failed, NOW, 1), NOW) == Retry(frozenset(), is_last=False)


WORKERS = st.builds(
    lambda **said: worker(said.pop("name"), **said),
    name=st.sampled_from("abcdefgh"),
    completed=st.integers(0, 1),
    attempt_failures=st.integers(0, 1),
    unreached=st.integers(0, 1),
    leases=st.sampled_from([{}, {"x": 1}]),
)


@given(
    candidates=st.lists(WORKERS, unique_by=lambda w: w.id, max_size=6),
    failed_on=st.frozensets(st.sampled_from("abcdefgh")),
    last=st.booleans(),
    first=st.booleans(),
)
def test_nobody_waits_for_ever(candidates: list[Worker], failed_on: frozenset[str], last: bool, first: bool) -> None:
    """If all workers are idle and have free slots, one gets the task."""
    idle = [replace(one, leases={}) for one in candidates]
    retry = Retry(failed_on, is_last=last, is_first=first)
    assert bool(worker_trust.allowed_workers(idle, idle, retry)) == bool(candidates)
    assert {w.id for w in worker_trust.allowed_workers(candidates, candidates, retry)} <= {w.id for w in candidates}
