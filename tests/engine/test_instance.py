"""How busy this process is."""

import pytest

from chalicelib import clock
from chalicelib.engine import instance
from tests.support.world import World


@pytest.fixture
def looked(house: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A house in which the processor was looked at just now."""
    monkeypatch.setattr(instance, "_last", instance._Look())
    return house


def test_the_processors_share_is_what_was_used_since_the_last_look(
    looked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "_used", lambda: instance._last.used + 1.0)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3538")
    looked.clock.advance(2)
    assert instance.cpu_share() == pytest.approx(0.25)
    looked.clock.advance(0.5)
    assert instance.cpu_share() == pytest.approx(0.25), "too short a time to tell"
    looked.clock.advance(9.5)
    assert instance.cpu_share() == pytest.approx(0.05)
    looked.clock.advance(clock.HOUR)
    monkeypatch.setattr(instance, "_used", lambda: 10.0**9)
    assert instance.cpu_share() == 1.0


def test_the_memorys_share_is_of_the_functions_or_of_the_machines(
    looked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_the_machine = instance.memory_share()
    assert 0 < of_the_machine < 1
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "10240")
    assert 0 < instance.memory_share() < 1
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1")
    assert instance.memory_share() == 1
