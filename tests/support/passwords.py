"""Cheap password hashes, for tests of other subjects."""

from collections.abc import Iterator

import pytest

from chalicelib.engine.security import passwords
from chalicelib.engine.security.passwords import Cost

CHEAP = Cost(1, 8, 1)


@pytest.fixture
def cheap_hashes() -> Iterator[None]:
    """Hash at the lowest cost."""
    before = passwords.use_cost(CHEAP)
    yield
    passwords.use_cost(before)
