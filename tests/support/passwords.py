"""Cheap password hashes, for tests that are about something else."""

from collections.abc import Iterator

import pytest

from chalicelib.engine.security import passwords
from chalicelib.engine.security.passwords import Cost

CHEAP = Cost(1, 8, 1)


@pytest.fixture
def cheap() -> Iterator[None]:
    """Hash at the lowest cost."""
    before = passwords.use_cost(CHEAP)
    yield
    passwords.use_cost(before)
