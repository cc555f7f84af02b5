"""CPU and memory usage of this process."""

import pytest

from chalicelib import clock
from chalicelib.engine.statistics import process_usage
from tests.support.world import World


@pytest.fixture
def sampled_world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which the CPU was sampled just now."""
    monkeypatch.setattr(process_usage, "_last_sample", process_usage._Sample())
    return world


def test_the_processors_share_is_what_was_used_since_the_last_sample(
    sampled_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_usage, "_cpu_seconds", lambda: process_usage._last_sample.used + 1.0)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3538")
    sampled_world.clock.advance(2)
    assert process_usage.cpu_share() == pytest.approx(0.25)
    sampled_world.clock.advance(0.5)
    assert process_usage.cpu_share() == pytest.approx(0.25), "too short a time to tell"
    sampled_world.clock.advance(9.5)
    assert process_usage.cpu_share() == pytest.approx(0.05)
    sampled_world.clock.advance(clock.HOUR)
    monkeypatch.setattr(process_usage, "_cpu_seconds", lambda: 10.0**9)
    assert process_usage.cpu_share() == 1.0


def test_the_memorys_share_is_of_the_functions_or_of_the_machines(
    sampled_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_the_machine = process_usage.memory_share()
    assert 0 < of_the_machine < 1
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "10240")
    assert 0 < process_usage.memory_share() < 1
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1")
    assert process_usage.memory_share() == 1


def test_the_memory_of_the_machine_is_measured() -> None:
    total, available = process_usage.machine_memory()
    assert 0 < available < total
