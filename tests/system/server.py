"""A backend server in a process of its own, as the document's reader would write one.

`python -m tests.system.server sync|async|pairs <seconds a task takes> <api key>` prints its URL; then it reads from
stdin the URL to which its heartbeats go. `pairs` is `async`, but a task is completed only after another one has
arrived. The API key is checked on the way in and sent on the way back.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

MODE, SECONDS, API_KEY = sys.argv[1], float(sys.argv[2]), sys.argv[3]
HEADERS = {"X-API-Key": API_KEY}
COMPANY = threading.Barrier(2 if MODE == "pairs" else 1)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._reply(200, {"status": "healthy"})

    def do_POST(self) -> None:
        task = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["X-API-Key"] != API_KEY:
            self._reply(401, {})
        elif MODE == "sync":
            self._reply(200, self._work(task))
        else:
            self._reply(202, {})
            threading.Thread(target=self._report, args=[task], daemon=True).start()

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _work(self, task: dict[str, Any]) -> dict[str, Any]:
        COMPANY.wait()
        time.sleep(SECONDS)
        return {"status": "COMPLETED", "result": {"echo": task["payload"], "attempt": task["attempt"]}}

    def _report(self, task: dict[str, Any]) -> None:
        requests.put(task["callbackUrl"], json=self._work(task), headers=HEADERS, timeout=10)

    def _reply(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    heartbeats = sys.stdin.readline().strip()
    while True:
        requests.post(heartbeats, json={"status": "healthy"}, headers=HEADERS, timeout=10)
        time.sleep(1)


if __name__ == "__main__":
    main()
