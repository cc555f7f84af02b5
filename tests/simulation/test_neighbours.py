"""The load of one org does not change the figures of another. Each bound fails with a bug of its kind.

The deployment has a tenth of the usual concurrency, and a call takes 60 ms instead of 8, so that hundreds of tasks are
as much load as thousands. `make soak` and `make bench` use the full size.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.engine.changes import queue_messages
from chalicelib.engine.deliveries import attempt_queue
from chalicelib.engine.dispatch import handovers
from chalicelib.engine.schedule import sweep
from tests.simulation.neighbours import SLACK_SECONDS, broken_bounds, figures, worst_figures
from tests.support.fleet import fleet

pytestmark = pytest.mark.long

SIZE = 160
CALL_SECONDS, SHARE = 0.06, 0.1


def measure(*noises: str, bug: AbstractContextManager[Any] | None = None) -> dict[str, float]:
    """The quiet org's worst figures. Every wakeup is lost, so that only the sweep finds what is due."""
    tenth = patch.object(handovers, "MAX_TRIALS_PER_ORG", round(SHARE * handovers.MAX_TRIALS_PER_ORG))
    with tenth, bug or nullcontext(), fleet(1, CALL_SECONDS, SHARE, frozenset({"wakeups"})) as deployment:
        return worst_figures(figures(deployment, SIZE, *noises))


@cache
def measure_alone() -> dict[str, float]:
    return measure()


def test_without_a_neighbour_all_figures_are_within_the_bounds() -> None:
    assert broken_bounds(measure_alone(), measure_alone()) == []


NOISES = [("flood", "backlog", "servers"), ("receivers", "keys", "payloads"), ("hanging",)]


@pytest.mark.parametrize("noises", NOISES)
def test_a_noisy_neighbour_leaves_another_organisations_figures_as_they_are(noises: tuple[str, ...]) -> None:
    measured = measure(*noises)
    assert broken_bounds(measured, measure_alone()) == [], f"{measured}, alone {measure_alone()}"


@contextmanager
def sweeping_in_one_run() -> Iterator[None]:
    """Run all parts of the sweep in one invocation, tasks first."""
    parts = sorted(sweep.parts(), key=lambda part: part.kind != "tasks")
    with (
        patch.object(sweep, "parts", lambda: parts),
        patch.object(sweep, "_enqueue_if_due", lambda part, now: sweep.sweep_part(part, now)),
    ):
        yield


BUGS: dict[str, tuple[str, tuple[str, ...], AbstractContextManager[Any]]] = {
    "the sweep is one run": ("noticed", ("flood",), sweeping_in_one_run()),
    "orgs do not take turns": (
        "woken",
        ("flood",),
        patch.object(sweep, "interleave", lambda items, _: iter(items)),
    ),
    "a webhook that does not answer gets as many attempts at once as it has events": (
        "webhooks",
        ("receivers",),
        patch.object(attempt_queue, "message_group", lambda measured, _: measured.id),
    ),
    "servers that hang are called as often as those that work": (
        "latency",
        ("hanging",),
        patch.object(handovers, "MAX_TRIALS_PER_ORG", 1_000),
    ),
    "one dispatcher serves all pools": (
        "latency",
        ("keys",),
        patch.object(queue_messages, "_group_name", lambda _: "all"),
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_bound_finds_its_bug(bug: str) -> None:
    figure, noises, seeded = BUGS[bug]
    measured = measure(*noises, bug=seeded)
    assert figure in broken_bounds(measured, measure_alone()), f"{measured}, alone {measure_alone()}, {SLACK_SECONDS}"
