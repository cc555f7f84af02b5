"""A worker of the demo on a WebSocket (docs/reference/websockets.md).

`python -m infra.local.demo.websocket_worker <WebSocket URL> <token>` prints "connected" for each connection. A line on
stdin breaks the connection, and the worker connects again.
"""

import json
import sys
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from chalicelib import clock

TASK_SECONDS = 0.2
RECONNECT_SECONDS = 0.5


class Worker:
    """Answers every task after TASK_SECONDS, on the connection that it has then."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {token}"}
        self._socket: ClientConnection | None = None
        self._results: dict[tuple[str, int], dict[str, Any]] = {}
        self._received: set[tuple[str, int]] = set()

    def run(self) -> None:
        """Connect, and connect again whenever the connection ends."""
        while True:
            with connect(self._url, additional_headers=self._headers, compression=None) as socket:
                self._socket = socket
                print("connected", flush=True)
                self._listen(socket)
            clock.sleep(RECONNECT_SECONDS)

    def break_connection(self) -> None:
        """Break the connection without a close frame, as a network failure does."""
        if self._socket is not None:
            self._socket.socket.shutdown(2)

    def _listen(self, socket: ClientConnection) -> None:
        try:
            for result in list(self._results.values()):
                socket.send(json.dumps(result))
            for text in socket:
                self._handle(json.loads(text))
        except ConnectionClosed:
            return

    def _handle(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "ping":
                self._send({"type": "pong"})
            case "task" if (lease := (frame["task_id"], frame["lease"])) not in self._received:
                self._received.add(lease)
                threading.Thread(target=self._work, args=[frame], daemon=True).start()

    def _work(self, task: dict[str, Any]) -> None:
        clock.sleep(TASK_SECONDS)
        ids = {name: task[name] for name in ("task_id", "attempt", "lease")}
        result = {"type": "result", **ids, "result": {"doubled": 2 * task["data"]["number"]}}
        # It is sent again after each new connection. Yardmaster counts a repeated result once.
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
        worker.break_connection()


if __name__ == "__main__":
    main(*sys.argv[1:])
