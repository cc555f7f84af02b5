from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib import config
from chalicelib.apis.support import api
from chalicelib.domain.tasks.task import Holder
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.domain.tasks.worker import Health, Heartbeat
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry, websocket_workers
from chalicelib.storage.connections.connections import Connection
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import ORG, World

POOL = "support"
BASE = "https://support.example"


@dataclass
class SupportApi:
    """A client of the support API over HTTP; only the workers' WebSockets do not use it."""

    world: World
    client: Client
    token: str

    def get(self, path: str) -> Any:
        reply = self.client.get(path, token=self.token)
        assert reply.status == 200, reply.text
        return reply.json

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        return self.client.post(path, body, token=self.token, headers=headers)

    def submit(self, kind: str = "translation", settle: bool = True, **data: Any) -> Any:
        """Submit a task of this type, and return the response's body."""
        reply = self.post("/task", {"type": kind, "data": data})
        assert reply.status == 202, reply.text
        if settle:
            self.world.settle()
        return reply.json

    def start(self, worker_id: int | str = 3, **config: Any) -> Any:
        """Register a worker that performs translations."""
        body = {"worker_id": worker_id, "config": {"types": ["translation"]} | config}
        reply = self.post("/workers", body)
        assert reply.status == 201, reply.text
        return reply.json

    def connect(self, worker_id: int | str = 3, **config: Any) -> list[dict[str, Any]]:
        """Register a worker and connect it. Returns the list to which its received frames are added."""
        self.start(worker_id, **config)
        name = f"connection-{worker_id}"
        frames = self.world.sockets.connect(name)
        websocket_workers.connect(Connection(name, ORG, "support.worker", POOL, str(worker_id)))
        self.world.settle()
        return frames

    def wait(self, seconds: float, worker_id: int | str = 1) -> None:
        """Let time pass, and send the worker's heartbeat."""
        self.world.clock.advance(seconds)
        beat = Heartbeat(Health.HEALTHY)
        registry.record_heartbeat(ORG, POOL, str(worker_id), beat, connection=f"connection-{worker_id}")

    def complete(self, task_id: str, result: Any = None) -> None:
        task = lifecycle.get(ORG, task_id)
        assert task.worker_id is not None
        lifecycle.complete(ORG, POOL, task_id, Holder(task.worker_id, task.epoch), result)
        self.world.settle()

    def fail(self, task_id: str, *, retryable: bool = False) -> None:
        failure = Failure(Reason.WORKER_FAILED, "no dictionary", retryable)
        lifecycle.fail(ORG, task_id, None, failure)
        self.world.settle()

    def worker(self, worker_id: int | str = 3) -> Any:
        return next(worker for worker in self.get("/workers")["workers"] if worker["id"] == worker_id)


@pytest.fixture
def support_api(world: World) -> Iterator[SupportApi]:
    before = config.replace(api_urls={POOL: BASE})
    yield SupportApi(world, Client(api, conformance(api)), token("user", plan="enterprise"))
    config.restore(before)
