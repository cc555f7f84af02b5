"""The demo runs beside another stack, and on a busy machine."""

from typing import Any

import pytest
import requests

from infra.bundles import BUNDLES
from infra.local.demo import processes, pull_worker


class Answers(requests.Session):
    """Answers every request with the same status, and records the requests."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status, self.requests = status, list[str]()

    def request(self, method: Any, url: Any, *_: Any, **__: Any) -> requests.Response:
        self.requests.append(f"{method} {url}")
        answer = requests.Response()
        answer.status_code, answer._content = self._status, b"{}"
        return answer


def test_every_api_of_its_stack_has_a_free_port() -> None:
    assert {one.name: processes.STACK[f"PORT_{one.name.upper()}"] for one in BUNDLES if one.http} == {
        "processing": "0",
        "coordinator": "0",
        "support": "0",
        "messenger": "0",
        "surveys": "0",
        "codeserver": "0",
        "projects": "0",
        "recognition": "0",
        "studio": "0",
    }


def test_a_task_that_was_queued_again_does_not_end_its_worker() -> None:
    task, conflicting, broken = {"payload": {"number": 2}}, Answers(409), Answers(500)
    pull_worker._work(conflicting, "http://x/task", task)
    assert conflicting.requests == ["PUT http://x/task/start"]
    with pytest.raises(requests.HTTPError):
        pull_worker._work(broken, "http://x/task", task)
