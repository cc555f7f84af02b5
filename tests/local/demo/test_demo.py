"""The demo gets by beside a stack that runs already, and on a machine that is busy."""

from typing import Any

import pytest
import requests

from infra.bundles import BUNDLES
from infra.local.demo import processes, pull_worker


class Answers(requests.Session):
    """Answers every request with the same status; remembers what was asked."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status, self.asked = status, list[str]()

    def request(self, method: Any, url: Any, *_: Any, **__: Any) -> requests.Response:
        self.asked.append(f"{method} {url}")
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
        "projects": "0",
    }


def test_a_task_that_went_back_does_not_end_its_worker() -> None:
    task, gone, broken = {"payload": {"number": 2}}, Answers(409), Answers(500)
    pull_worker._work(gone, "http://x/task", task)
    assert gone.asked == ["PUT http://x/task/start"]
    with pytest.raises(requests.HTTPError):
        pull_worker._work(broken, "http://x/task", task)
