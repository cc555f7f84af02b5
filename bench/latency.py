"""Time from `POST /task` to the frame on a worker's WebSocket, one task at a time on an idle local stack (moto, all in
one process). It includes no polling: each write wakes the pump that replaces Lambda. AWS polls the stream four times a
second and SQS by long polls, which adds 0.1 to 0.5 s.
"""

import json
import threading
import time
from typing import Any

from websockets.sync.client import ClientConnection, connect

from bench.measure import Figure, Section
from bench.stack import stack
from infra.local.demo.client import Client
from infra.local.demo.report import percentile

TASKS = 100
PAUSE_SECONDS = 0.1
WORKER = {"worker_id": 1, "config": {"max_tasks": 4, "types": ["bench"]}}


def measure() -> Section:
    with stack() as running:
        client = Client(running.urls["support"], "admin")
        endpoint = client.call("POST", "/workers", WORKER)["endpoint"]
        with connect(f"{endpoint}?token={client.token}", compression=None) as socket:
            _, *times = [_measure_handover(client, socket) for _ in range(TASKS + 1)]
    figures = [Figure(f"p{share}", f"{1000 * percentile(times, share / 100):.0f} ms") for share in (50, 95)]
    return Section("From submission to a worker's WebSocket", __doc__, figures)


def _measure_handover(client: Client, socket: ClientConnection) -> float:
    """Submit a task and return the seconds from the request's start to the frame."""
    time.sleep(PAUSE_SECONDS)
    arrived: list[float] = []
    listener = threading.Thread(target=lambda: arrived.append(_next_task(socket)))
    listener.start()
    started = time.perf_counter()
    client.call("POST", "/task", {"type": "bench", "data": {}})
    listener.join(30)
    return arrived[0] - started


def _next_task(socket: ClientConnection) -> float:
    """Wait for the next task, answer it at once, and return when it came."""
    for text in socket:
        frame, now = json.loads(text), time.perf_counter()
        if frame["type"] == "ping":
            socket.send('{"type":"pong"}')
        if frame["type"] == "task":
            result: dict[str, Any] = {name: frame[name] for name in ("task_id", "attempt", "lease")}
            socket.send(json.dumps({"type": "result", **result, "result": {}}))
            return now
    raise RuntimeError("the connection ended")
