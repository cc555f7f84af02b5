"""A stack in this process, with a manual clock."""

from collections.abc import Iterator

import pytest

from chalicelib import clock
from infra.local.moto.cloud import cloud
from tests.support import aws  # noqa: F401 - sets the environment that the engine's modules read

NOON = 1_800_014_400_000
"""12:00 UTC of some day."""


@pytest.fixture
def manual_clock() -> Iterator[clock.ManualClock]:
    manual = clock.ManualClock(NOON)
    previous = clock.use(manual)
    yield manual
    clock.use(previous)


@pytest.fixture
def names(manual_clock: clock.ManualClock) -> Iterator[dict[str, str]]:
    """The deployed storage: setting -> name."""
    with cloud() as found:
        yield found
