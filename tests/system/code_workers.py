"""A code worker of tests: it speaks the documented protocol to a stack, and does what a test tells it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Queue
from threading import Thread
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.system.stack import PATIENCE, Caller


@dataclass
class CodeWorker:
    """One connection of a registered worker. It answers pings whatever the test does meanwhile."""

    id: str
    socket: ClientConnection
    frames: Queue[dict[str, Any]] = field(default_factory=Queue)

    def listen(self) -> None:
        """Keep the frames that come, until the connection ends."""
        with suppress(ConnectionClosed):
            for message in self.socket:
                frame = dict(json.loads(message))
                if frame["type"] == "ping":
                    self.socket.send('{"type": "pong"}')
                else:
                    self.frames.put(frame)

    def receive(self, kind: str) -> dict[str, Any]:
        """The next frame of this type."""
        while (frame := self.frames.get(timeout=PATIENCE))["type"] != kind:
            pass
        return frame

    def say(self, kind: str, task: dict[str, Any], **fields: Any) -> None:
        """Send a frame about a task that came as this frame."""
        about = {name: task[name] for name in ("task_id", "attempt", "lease")}
        self.socket.send(json.dumps({"type": kind} | about | fields))

    def complete(self, task: dict[str, Any], code: str) -> None:
        """Report the code, and wait until that is stored."""
        self.say("result", task, result={"code": code, "tests_passed": 0, "tests_total": 0})
        assert self.receive("accepted")["task_id"] == task["task_id"]

    def die(self) -> None:
        """End without a word, as a killed process does."""
        self.socket.close_socket()


@contextmanager
def code_worker(caller: Caller, **fields: Any) -> Iterator[CodeWorker]:
    """A worker that is connected; it is removed at the end."""
    registration = caller.json("POST", "/api/workers", {"name": "test", **fields})
    with connect(registration["endpoint"]) as socket:
        worker = CodeWorker(registration["id"], socket)
        listener = Thread(target=worker.listen)
        listener.start()
        yield worker
    listener.join()
    caller.json("DELETE", f"/api/workers/{registration['id']}")
