"""The API's names for states, and its format of numbers."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from chalicelib.apis.support.figures import duration, number, per_second, percent
from chalicelib.apis.support.states import ENGINE_STATUS, PRIORITY, TASK_STATUS, Priority, TaskStatus, worker_status
from chalicelib.domain.tasks.task import Status
from tests.support.world import World


def test_every_state_has_a_word_and_every_word_a_state() -> None:
    assert set(TASK_STATUS) == set(Status)
    assert set(ENGINE_STATUS) == set(get_args(TaskStatus))
    for status, word in TASK_STATUS.items():
        assert status in ENGINE_STATUS[word]
    assert sum(len(found) for found in ENGINE_STATUS.values()) == len(Status)
    assert tuple(PRIORITY) == get_args(Priority)
    assert list(PRIORITY.values()) == sorted(PRIORITY.values())


@pytest.mark.parametrize(
    ("alive", "connection", "leases", "word"),
    [
        (True, "c", {}, "idle"),
        (True, "c", {"t": 1}, "active"),
        (True, None, {"t": 1}, "offline"),
        (False, "c", {}, "offline"),
    ],
)
def test_a_workers_status_follows_from_its_state(
    alive: bool, connection: str | None, leases: Any, word: str, world: World
) -> None:
    assert worker_status(replace(world.register(), alive=alive, connection=connection, leases=leases)) == word


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"),
        (0.42, "0.4ms"),
        (2, "2ms"),
        (52.4, "52ms"),
        (999.4, "999ms"),
        (999.6, "1s"),
        (1_500, "1.5s"),
        (2_000, "2s"),
        (59_940, "59.9s"),
        (59_960, "1m"),
        (125_000, "2m 5s"),
        (300_000, "5m"),
        (3_599_600, "1h"),
        (9_000_000, "2h 30m"),
        (9_059_000, "2h 30m"),
        (86_400_000, "1d"),
        (273_600_000, "3d 4h"),
    ],
)
def test_durations_are_formatted(milliseconds: float, text: str) -> None:
    assert duration(milliseconds) == text


def test_rates_shares_and_numbers_are_rounded() -> None:
    assert [per_second(rate) for rate in (0, 50, 0.3517, 1234.5)] == ["0/sec", "50/sec", "0.352/sec", "1234.5/sec"]
    assert [percent(share) for share in (0, 0.454, 1)] == ["0%", "45%", "100%"]
    assert [str(number(value)) for value in (50.0, 0.349, 0)] == ["50", "0.35", "0"]
