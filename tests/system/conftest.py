"""One stack for all tests that leave it unchanged."""

from collections.abc import Iterator

import pytest

from tests.system.stack import Caller, Stack, stack

QUICK = {"SWEEP_SECONDS": "1", "HEARTBEAT_TIMEOUT_SECONDS": "4", "BACKOFF_BASE_SECONDS": "0.3"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/system/" in item.nodeid:
            item.add_marker(pytest.mark.system)


@pytest.fixture(scope="session")
def yard() -> Iterator[Stack]:
    with stack(LOG_LEVEL="CRITICAL", **QUICK) as ready:
        yield ready


@pytest.fixture
def admin(yard: Stack) -> Caller:
    return yard.caller("admin")


@pytest.fixture
def user(yard: Stack) -> Caller:
    return yard.caller("user")
