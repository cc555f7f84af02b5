"""A worker of the demo: an HTTP server that accepts tasks, runs them and reports the results.

`python -m infra.local.demo.http_worker <seconds of a task> <api key>` prints its URL, then reads from stdin the URL for
its heartbeats. It completes every third task within the request. A few tasks fail at their first attempt.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, ClassVar

import requests

from chalicelib import clock, ids

HEARTBEAT_SECONDS = 1.0
FAILING_SHARE = 0.04
"""The share of tasks that fail at their first attempt."""
TRIES = 5


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Handler(BaseHTTPRequestHandler):
    seconds: ClassVar[float]
    api_key: ClassVar[str]
    numbers: ClassVar["count[int]"] = count()

    def do_POST(self) -> None:
        """Run a task. A third are answered with their result, the others with 202 and reported later."""
        task = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if next(self.numbers) % 3 == 0:
            self._reply(200, self._work(task))
        else:
            self._reply(202, {})
            threading.Thread(target=self._report, args=[task], daemon=True).start()

    def do_GET(self) -> None:
        """Answer a health check."""
        self._reply(200, {"status": "healthy"})

    def log_message(self, *_: Any) -> None:
        """Log nothing: the demo prints its own output."""

    def _work(self, task: dict[str, Any]) -> dict[str, Any]:
        clock.sleep(self.seconds * (0.5 + ids.fraction()))
        if task["attempt"] == 1 and ids.fraction() < FAILING_SHARE:
            return {"status": "FAILED", "error": "The demo fails a few first attempts"}
        return {"status": "COMPLETED", "result": {"doubled": 2 * task["payload"]["number"]}}

    def _report(self, task: dict[str, Any]) -> None:
        report = self._work(task)
        for _ in range(TRIES):
            if _is_accepted("PUT", task["callbackUrl"], self.api_key, report):
                return
            clock.sleep(0.5)

    def _reply(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _is_accepted(method: str, url: str, api_key: str, body: dict[str, Any]) -> bool:
    """Send a request. Returns whether the answer is final, that is, below 500."""
    try:
        return requests.request(method, url, json=body, headers={"X-API-Key": api_key}, timeout=10).status_code < 500
    except requests.RequestException:
        return False


def main(seconds: str, api_key: str) -> None:
    Handler.seconds, Handler.api_key = float(seconds), api_key
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    heartbeats = sys.stdin.readline().strip()
    while True:
        _is_accepted("POST", heartbeats, api_key, {"status": "healthy"})
        clock.sleep(HEARTBEAT_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
