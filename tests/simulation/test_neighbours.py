"""One organisation's noise leaves another's figures as they are; and each bound finds the bug it is there for.

The deployment is a tenth of a real one, and a call takes 60 ms instead of 8: so a few hundred tasks weigh as thousands.
`make soak` and `make bench` have the full sizes.
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
from tests.simulation.neighbours import SLACK_SECONDS, broken_bounds, figures, worst
from tests.support.fleet import fleet

SIZE = 160
CALL_SECONDS, SHARE = 0.06, 0.1


def seen(*noises: str, bug: AbstractContextManager[Any] | None = None) -> dict[str, float]:
    """The quiet organisation's worst figures, with every wakeup lost, so that the sweep alone finds what is due."""
    tenth = patch.object(handovers, "MAX_TRIALS_PER_ORG", round(SHARE * handovers.MAX_TRIALS_PER_ORG))
    with tenth, bug or nullcontext(), fleet(1, CALL_SECONDS, SHARE, frozenset({"wakeups"})) as made:
        return worst(figures(made, SIZE, *noises))


@cache
def alone() -> dict[str, float]:
    return seen()


def test_alone_it_is_served_within_the_bounds() -> None:
    assert broken_bounds(alone(), alone()) == []


NOISES = [("flood", "backlog", "servers"), ("receivers", "keys", "payloads"), ("hanging",)]


@pytest.mark.parametrize("noises", NOISES)
def test_a_noisy_neighbour_leaves_another_organisations_figures_as_they_are(noises: tuple[str, ...]) -> None:
    found = seen(*noises)
    assert broken_bounds(found, alone()) == [], f"{found}, alone {alone()}"


@contextmanager
def one_run() -> Iterator[None]:
    """The sweep is one run that does everything, tasks first."""
    parts = sorted(sweep.parts(), key=lambda part: part.kind != "tasks")
    with (
        patch.object(sweep, "parts", lambda: parts),
        patch.object(sweep, "_enqueue_if_due", lambda part, now: sweep.sweep_part(part, now)),
    ):
        yield


BUGS: dict[str, tuple[str, tuple[str, ...], AbstractContextManager[Any]]] = {
    "the sweep is one run": ("noticed", ("flood",), one_run()),
    "organisations do not take turns": (
        "woken",
        ("flood",),
        patch.object(sweep, "interleave", lambda items, _: iter(items)),
    ),
    "a webhook that does not answer has as many attempts under way as there are events for it": (
        "webhooks",
        ("receivers",),
        patch.object(attempt_queue, "message_group", lambda found, _: found.id),
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
    found = seen(*noises, bug=seeded)
    assert figure in broken_bounds(found, alone()), f"{found}, alone {alone()}, {SLACK_SECONDS}"
