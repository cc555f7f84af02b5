from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis import coordinator, surveys
from tests.support.api_client import ApiClient
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.world import World


@dataclass
class SurveysApi(ApiClient):
    """A client of the surveys API, and of the coordinator API for its workers, over HTTP."""

    workers: Client

    def start(self, platform: str = "swagbucks", **fields: Any) -> str:
        reply = self.request("POST", "/api/start", {"platform": platform, "account_id": "a-1"} | fields)
        assert reply.status == 201, reply.text
        self.world.settle()
        return str(reply.json["session_id"])

    def platform(self, name: str = "swagbucks") -> Any:
        rows = self.request("GET", "/api/status").json["platforms"]
        [platform] = [row for row in rows if row["id"] == name]
        return platform

    def statuses(self) -> dict[str, str]:
        return {row["id"]: row["status"] for row in self.request("GET", "/api/platforms").json["platforms"]}

    def call_as_worker(self, method: str, path: str, body: Any = None) -> Any:
        """Send a worker's request, which must succeed, to the coordinator API."""
        reply = self.workers.request(method, path, body, token=self.token)
        assert reply.status in (200, 201), reply.text
        self.world.settle()
        return reply.json

    def register(self, *platforms: str, max_concurrent: int = 1) -> str:
        body = {
            "name": "Arbeiter-1",
            "type": "survey",
            "capabilities": [f"survey:{platform}" for platform in platforms],
            "metadata": {"max_concurrent": max_concurrent},
        }
        return str(self.call_as_worker("POST", "/api/workers", body)["id"])

    def assigned_tasks(self, worker: str) -> list[str]:
        tasks = self.call_as_worker("GET", f"/api/tasks?worker_id={worker}&status=assigned")["tasks"]
        return [task["id"] for task in tasks]


@pytest.fixture
def surveys_api(world: World) -> SurveysApi:
    clients = [Client(package.api, conformance(package.api)) for package in (surveys, coordinator)]
    return SurveysApi(world, clients[0], token("user"), clients[1])
