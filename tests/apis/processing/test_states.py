"""The API has a name for every state of the engine, and the reverse."""

from dataclasses import replace
from typing import get_args

import pytest

from chalicelib.apis.processing.states import ENGINE_STATUS, TASK_STATUS, TaskStatus, server_status
from chalicelib.domain.tasks.task import Status
from chalicelib.domain.tasks.worker import Health
from tests.support.world import World


def test_every_state_has_a_word_and_every_word_a_state() -> None:
    assert set(TASK_STATUS) == set(Status)
    assert set(ENGINE_STATUS) == set(get_args(TaskStatus))
    for status, word in TASK_STATUS.items():
        assert status in ENGINE_STATUS[word]
    assert sum(len(found) for found in ENGINE_STATUS.values()) == len(Status)


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("maintenance", [True, False])
@pytest.mark.parametrize("health", Health)
def test_a_servers_status_is_the_first_that_holds(alive: bool, maintenance: bool, health: Health, world: World) -> None:
    worker = replace(world.register(), alive=alive, maintenance=maintenance, health=health)
    order = [(not alive, "offline"), (maintenance, "maintenance"), (health is not Health.HEALTHY, "degraded")]
    assert server_status(worker) == next((word for holds, word in order if holds), "online")
