"""What every test may ask for."""

import gc
from collections.abc import Iterator

import hypothesis
import pytest
from _pytest import runner

from infra.local.moto.stack_chunks import roomy
from tests.support.passwords import cheap as cheap
from tests.support.world import World, new_world

# A slow machine is no reason to fail: how long an example took says nothing about the code.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")

_run = roomy(runner.pytest_runtest_protocol)

# What was imported stays: to look through all of it for garbage again and again took a fifth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on garbage is collected again, but not among what is there already."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(100_000, 50, 100)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """Run each test as pytest does, with room for deep calls."""
    return _run(item, nextitem)


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh deployment under control."""
    with new_world() as made:
        yield made
