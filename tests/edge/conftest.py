import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.edge import Api, mount
from chalicelib.observability import logger
from tests.edge.toys import Client, build_api


@pytest.fixture
def api() -> Api:
    return build_api()


@pytest.fixture
def user(api: Api) -> Client:
    return Client(mount(api), api)


@pytest.fixture
def admin(user: Client) -> Client:
    return replace(user, role="admin")


@pytest.fixture
def stranger(user: Client) -> Client:
    return replace(user, role=None)


class Stdout:
    """The current standard output: pytest replaces it between the phases of a test."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)


Logged = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def read_log(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Logged]:
    """The lines that the logger and the access log have written since the last call."""
    [handler] = (found for found in logger().handlers if isinstance(found, logging.StreamHandler))
    monkeypatch.setattr(handler, "stream", Stdout())
    level = logger().log_level
    logger().setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logger().setLevel(level)
