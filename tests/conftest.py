"""What every test may ask for."""

from collections.abc import Iterator

import pytest

from tests.support.world import World, world


@pytest.fixture
def house() -> Iterator[World]:
    """A fresh deployment under control."""
    with world() as made:
        yield made
