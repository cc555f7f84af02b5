"""The API has a name for every state and priority of the engine, and the reverse."""

from dataclasses import replace
from typing import get_args

import pytest

from chalicelib.apis.coordinator.states import (
    ENGINE_PRIORITY,
    ENGINE_STATUS,
    PRIORITY,
    ROTATION,
    TASK_STATUS,
    Priority,
    TaskStatus,
    WorkerStatus,
    worker_status,
)
from chalicelib.domain.tasks.task import MAX_PRIORITY, Status
from chalicelib.engine.tasks.listing import Filter
from chalicelib.engine.workers.registry import Rotation
from tests.support.world import World


def test_every_state_has_a_word_and_every_word_a_state() -> None:
    assert set(TASK_STATUS) == set(Status)
    assert set(ENGINE_STATUS) == set(get_args(TaskStatus))
    for status, word in TASK_STATUS.items():
        assert status in ENGINE_STATUS[word]
    assert sum(len(found) for found in ENGINE_STATUS.values()) == len(Status)


def test_every_word_can_be_listed() -> None:
    for statuses in ENGINE_STATUS.values():
        wanted = Filter(statuses)
        assert wanted.phase is not None
        assert wanted.status in (None, Status.LEASED, Status.RUNNING)


def test_every_urgency_has_a_word_and_every_word_its_own() -> None:
    assert ENGINE_PRIORITY == {"low": 2, "normal": 4, "high": 6, "critical": 8}
    assert set(PRIORITY) == set(range(MAX_PRIORITY + 1))
    assert {PRIORITY[urgency]: urgency for urgency in ENGINE_PRIORITY.values()} == ENGINE_PRIORITY
    words = [get_args(Priority).index(PRIORITY[urgency]) for urgency in sorted(PRIORITY)]
    assert words == sorted(words)


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("rotation", Rotation)
@pytest.mark.parametrize("full", [True, False])
def test_a_worker_s_status_is_the_first_that_holds(alive: bool, rotation: Rotation, full: bool, world: World) -> None:
    out, drained = rotation is not Rotation.OPEN, rotation is Rotation.DRAINED
    leases = {"task": 1} if full else {}
    worker = replace(world.register(), alive=alive, maintenance=out, drained=drained, leases=leases)
    order = [(not alive or drained, "offline"), (out or full, "busy")]
    assert worker_status(worker) == next((word for holds, word in order if holds), "online")


def test_every_status_can_be_set() -> None:
    assert set(ROTATION) == set(get_args(WorkerStatus))
    assert set(ROTATION.values()) == set(Rotation)
