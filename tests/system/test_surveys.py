"""Survey sessions over HTTP, with users, workers and notifications by a messenger."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from tests.system.conftest import QUICK
from tests.system.stack import ORG, Caller, Stack, stack, wait_until

TOKEN = "123456:its-secret"


class Telegram(ThreadingHTTPServer):
    """A Bot API that accepts messages."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Bot)
        self.texts: list[str] = []

    @property
    def account(self) -> dict[str, Any]:
        return {"bot_token": TOKEN, "chat_id": -1, "api_url": f"http://127.0.0.1:{self.server_port}"}


class Bot(BaseHTTPRequestHandler):
    server: Telegram

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        good = self.path == f"/bot{TOKEN}/sendMessage"
        if good:
            self.server.texts.append(request["text"])
        result = {"message_id": len(self.server.texts), "date": 1, "chat": {"id": -1}, "text": request.get("text")}
        body = json.dumps({"ok": True, "result": result} if good else {"ok": False, "error_code": 404}).encode()
        self.send_response(200 if good else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def telegram() -> Iterator[Telegram]:
    with Telegram() as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def bot() -> Iterator[Telegram]:
    with telegram() as found:
        yield found


@pytest.fixture
def notifying_stack(bot: Telegram) -> Iterator[Stack]:
    """A stack whose org has a messenger."""
    with stack(LOG_LEVEL="CRITICAL", MESSENGERS=json.dumps({ORG: {"telegram": bot.account}}), **QUICK) as ready:
        yield ready


class Worker:
    """Fetches its sessions as documented, and ends each when the test allows it."""

    def __init__(self, coordinator: Caller, *platforms: str) -> None:
        registration = {
            "name": "surveyor",
            "type": "survey",
            "capabilities": [f"survey:{one}" for one in platforms],
            "metadata": {"max_concurrent": 3},
        }
        self._api = coordinator
        self.id = coordinator.json("POST", "/api/workers", registration)["id"]
        self.lets, self.stops = Event(), Event()

    def run(self) -> None:
        while not self.stops.wait(0.25):
            self._api.json("POST", f"/api/workers/{self.id}/heartbeat")
            mine = self._api.json("GET", f"/api/tasks?worker_id={self.id}")["tasks"]
            for task in mine:
                self._work(task)

    def _work(self, task: Any) -> None:
        path = f"/api/tasks/{task['id']}"
        if task["status"] == "assigned":
            self._api.json("PUT", f"{path}/start")
        elif task["status"] == "running" and self.lets.is_set():
            self.lets.clear()
            outcome = {"result": {"account": task["payload"]["account_id"]}}
            self._api.json("PUT", f"{path}/complete?worker_id={self.id}", outcome)


def test_two_sessions_of_a_platform_take_turns_and_people_are_notified_of_their_ends(
    notifying_stack: Stack, bot: Telegram
) -> None:
    surveys, worker = notifying_stack.open("surveys"), Worker(notifying_stack.open("coordinator"), "swagbucks", "mturk")

    def start(**said: Any) -> str:
        body = {"platform": "swagbucks", "account_id": "account-uuid", "survey_type": "daily", "notify": ["telegram"]}
        return str(surveys.json("POST", "/api/start", body | said)["session_id"])

    def platform() -> Any:
        return surveys.json("GET", "/api/status")["platforms"][0]

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(worker.run)
        try:
            first = start()
            wait_until(lambda: platform()["session"], lambda found: found and found["session_id"] == first)
            second = start(survey_type="profile")
            shown = wait_until(platform, lambda found: found["sessions"]["queued"] == 1)
            assert (shown["session"]["session_id"], shown["worker"]["id"]) == (first, worker.id)
            assert shown["waiting_for"] == f"its turn on survey:swagbucks: 1 of 1 in use by {first}"
            worker.lets.set()
            wait_until(lambda: platform()["session"], lambda found: found and found["session_id"] == second)
            wait_until(lambda: bot.texts, lambda texts: texts == ["✅ Survey session on Swagbucks, daily: completed"])
            worker.lets.set()
            wait_until(lambda: platform()["sessions"]["completed"], lambda count: count == 2)
            wait_until(
                lambda: bot.texts, lambda texts: texts[1:] == ["✅ Survey session on Swagbucks, profile: completed"]
            )
        finally:
            worker.stops.set()
        working.result()
    statuses = {one["id"]: one["status"] for one in surveys.json("GET", "/api/platforms")["platforms"]}
    assert statuses == {"swagbucks": "active", "prolific": "configured", "mturk": "active", "clickworker": "configured"}
