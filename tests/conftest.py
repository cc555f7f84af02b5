"""Fixtures and settings of all tests."""

import gc
from collections.abc import Iterator

import hypothesis
import pytest
from _pytest import runner

from infra.local.moto.stack_chunks import with_large_chunk
from tests.support.passwords import cheap_hashes as cheap_hashes
from tests.support.world import World, new_world

# A slow machine is no reason to fail: how long an example took says nothing about the code.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")

_run = with_large_chunk(runner.pytest_runtest_protocol)

# Imported modules stay in memory: searching them for garbage again and again took a fifth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage again, but not among the objects that exist already."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(100_000, 50, 100)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """Run each test as pytest does, with memory for deep calls."""
    return _run(item, nextitem)


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh deployment under control."""
    with new_world() as made:
        yield made
