import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.edge import Api, mount
from chalicelib.observability import logger
from tests.edge.toys import Client, fresh


@pytest.fixture
def api() -> Api:
    return fresh()


@pytest.fixture
def user(api: Api) -> Client:
    return Client(mount(api), api)


@pytest.fixture
def admin(user: Client) -> Client:
    return replace(user, role="admin")


@pytest.fixture
def stranger(user: Client) -> Client:
    return replace(user, role=None)


class Lines(list[dict[str, Any]]):
    """A stream that keeps the log lines written to it, parsed."""

    def write(self, text: str) -> None:
        self.append(json.loads(text))


@pytest.fixture
def logged() -> Iterator[Lines]:
    """The lines logged during the test."""
    [handler] = (found for found in logger().handlers if isinstance(found, logging.StreamHandler))
    lines = Lines()
    before = handler.setStream(lines)
    yield lines
    handler.setStream(before)
