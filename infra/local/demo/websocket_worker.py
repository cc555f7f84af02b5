"""A worker of the demo that holds a WebSocket (docs/reference/websockets.md). A line on stdin breaks it, and it
connects again.

`python -m infra.local.demo.websocket_worker <WebSocket URL> <token>`; prints "connected" the first time.
"""

import json
import sys
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from chalicelib import clock

SECONDS = 0.2
AGAIN_SECONDS = 0.5


class Worker:
    """Answers every task after a moment, on whichever connection it has then."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {token}"}
        self._socket: ClientConnection | None = None
        self._results: dict[tuple[str, int], dict[str, Any]] = {}
        self._taken: set[tuple[str, int]] = set()

    def run(self) -> None:
        """Hold a connection, for ever."""
        while True:
            with connect(self._url, additional_headers=self._headers, compression=None) as socket:
                self._socket = socket
                print("connected", flush=True)
                self._listen(socket)
            clock.sleep(AGAIN_SECONDS)

    def cut(self) -> None:
        """Break the connection as a network would: without a word."""
        if self._socket is not None:
            self._socket.socket.shutdown(2)

    def _listen(self, socket: ClientConnection) -> None:
        try:
            for result in list(self._results.values()):
                socket.send(json.dumps(result))
            for text in socket:
                self._take(json.loads(text))
        except ConnectionClosed:
            return

    def _take(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "ping":
                self._send({"type": "pong"})
            case "task" if (lease := (frame["task_id"], frame["lease"])) not in self._taken:
                self._taken.add(lease)
                threading.Thread(target=self._work, args=[frame], daemon=True).start()

    def _work(self, task: dict[str, Any]) -> None:
        clock.sleep(SECONDS)
        named = {name: task[name] for name in ("task_id", "attempt", "lease")}
        result = {"type": "result", **named, "result": {"doubled": 2 * task["data"]["number"]}}
        # Sent again after a new connection: the same result twice is one result.
        self._results[task["task_id"], task["lease"]] = result
        self._send(result)

    def _send(self, frame: dict[str, Any]) -> None:
        try:
            if self._socket is not None:
                self._socket.send(json.dumps(frame))
        except ConnectionClosed:
            return


def main(url: str, token: str) -> None:
    worker = Worker(url, token)
    threading.Thread(target=worker.run, daemon=True).start()
    for _ in sys.stdin:
        worker.cut()


if __name__ == "__main__":
    main(*sys.argv[1:])
