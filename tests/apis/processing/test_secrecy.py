"""A server's apiKey is seen by that server alone."""

import logging
from collections.abc import Iterator

import pytest

from chalicelib import storage
from chalicelib.apis.processing import api
from chalicelib.observability import logger
from tests.apis.processing.conftest import Desk
from tests.support import aws
from tests.support.client import Client, Reply

SECRET = "a-very-secret-api-key"


class Text(list[str]):
    """A stream that keeps what is written to it."""

    def write(self, text: str) -> None:
        self.append(text)

    def flush(self) -> None:
        """Nothing is buffered."""


@pytest.fixture
def logged() -> Iterator[Text]:
    """Everything that the logger writes, down to the last detail."""
    [handler] = (found for found in logger().handlers if isinstance(found, logging.StreamHandler))
    lines, level = Text(), logger().log_level
    before = handler.setStream(lines)
    logger().setLevel("DEBUG")
    yield lines
    logger().setLevel(level)
    handler.setStream(before)


def test_the_api_key_is_in_no_answer_no_log_line_no_item_and_no_message(
    desk: Desk, logged: Text, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[str] = []

    def keep(method: str, template: str, reply: Reply) -> None:
        answers.append(f"{reply.headers} {reply.text}")

    desk.client = Client(api, keep)
    server = desk.register(apiKey=SECRET, maxConcurrent=3)
    path = f"/api/servers/{server}"
    for key in (SECRET, f"{SECRET}x"):
        desk.client.post(f"{path}/heartbeat", {"status": "degraded"}, key=key)
        desk.client.post(f"{path}/maintenance", {"maintenance": False}, key=key)
        desk.client.get(f"/api/task/x?serverId={server}", key=key)
    done, failed, cancelled = (desk.submit() for _ in range(3))
    desk.client.put(desk.callback(done), {"status": "COMPLETED"}, key=SECRET)
    desk.client.put(f"/api/task/{failed}", {"status": "FAILED"}, key=SECRET)
    desk.client.post(f"/api/task/{cancelled}/cancel", token=desk.user)
    desk.client.post("/api/servers", {"apiKey": SECRET + " ", "name": 7}, token=desk.admin)
    for url in ("/api/servers", f"{path}/metrics", "/api/stats/load-balancer", f"/api/stats/servers/{server}"):
        desk.client.get(url, token=desk.admin)
    desk.world.servers.clear()
    desk.world.advance(300)
    desk.client.delete(path, token=desk.admin)
    held = str([item.serialize() for model in storage.models() for item in aws.items(model)])
    assert server in held
    desk.world.settle()

    sent = [call for call in desk.world.calls if call[2].get("X-API-Key") == SECRET]
    assert len(sent) == len(desk.world.calls) > 3, "the server itself is told"
    assert len(answers) > 15
    requests = capsys.readouterr().out
    assert requests.count('"message":"request"') == len(answers)
    assert len(logged) > 0, "the server was lost, which is worth a line"
    queues = desk.world.queues
    assert SECRET not in "".join([*answers, *logged, requests, held, str(queues.queues), str(queues.dead)])
