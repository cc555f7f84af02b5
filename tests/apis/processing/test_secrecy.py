"""A server's apiKey is sent to that server only."""

import logging
from collections.abc import Iterator

import pytest

from chalicelib import storage
from chalicelib.apis.processing import api
from chalicelib.observability import logger
from tests.apis.processing.conftest import ProcessingApi
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
def log_text() -> Iterator[Text]:
    """Everything that the logger writes, with all details."""
    [handler] = (found for found in logger().handlers if isinstance(found, logging.StreamHandler))
    lines, level = Text(), logger().log_level
    before = handler.setStream(lines)
    logger().setLevel("DEBUG")
    yield lines
    logger().setLevel(level)
    handler.setStream(before)


def test_the_api_key_is_in_no_answer_no_log_line_no_item_and_no_message(
    processing_api: ProcessingApi, log_text: Text, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[str] = []

    def keep(method: str, template: str, reply: Reply) -> None:
        answers.append(f"{reply.headers} {reply.text}")

    processing_api.client = Client(api, keep)
    server = processing_api.register(apiKey=SECRET, maxConcurrent=3)
    path = f"/api/servers/{server}"
    for key in (SECRET, f"{SECRET}x"):
        processing_api.client.post(f"{path}/heartbeat", {"status": "degraded"}, key=key)
        processing_api.client.post(f"{path}/maintenance", {"maintenance": False}, key=key)
        processing_api.client.get(f"/api/task/x?serverId={server}", key=key)
    done, failed, cancelled = (processing_api.submit() for _ in range(3))
    processing_api.client.put(processing_api.callback(done), {"status": "COMPLETED"}, key=SECRET)
    processing_api.client.put(f"/api/task/{failed}", {"status": "FAILED"}, key=SECRET)
    processing_api.client.post(f"/api/task/{cancelled}/cancel", token=processing_api.user)
    processing_api.client.post("/api/servers", {"apiKey": SECRET + " ", "name": 7}, token=processing_api.admin)
    for url in ("/api/servers", f"{path}/metrics", "/api/stats/load-balancer", f"/api/stats/servers/{server}"):
        processing_api.client.get(url, token=processing_api.admin)
    processing_api.world.servers.clear()
    processing_api.world.advance(300)
    processing_api.client.delete(path, token=processing_api.admin)
    held = str([item.serialize() for model in storage.models() for item in aws.items(model)])
    assert server in held
    processing_api.world.settle()

    sent = [call for call in processing_api.world.calls if call[2].get("X-API-Key") == SECRET]
    assert len(sent) == len(processing_api.world.calls) > 3, "the server itself is told"
    assert len(answers) > 15
    requests = capsys.readouterr().out
    assert requests.count('"message":"request"') == len(answers)
    assert len(log_text) > 0, "the server was lost, which is worth a line"
    queues = processing_api.world.queues
    assert SECRET not in "".join([*answers, *log_text, requests, held, str(queues.queues), str(queues.dead)])
