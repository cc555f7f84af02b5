"""A server for Yardmaster that greets (docs/how-to/connect-a-server.md). It needs Python 3.8 or newer and nothing else.

    TOKEN=$(make -s token ROLE=admin) python3 docs/examples/server.py

It registers itself, answers each task with its result, sends heartbeats, and unregisters itself when it ends (Ctrl-C).
Set PORT to the port on which it listens (9000), and API to the URL of Yardmaster (http://localhost:8787).
"""

import json
import os
import secrets
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

API = os.environ.get("API", "http://localhost:8787")
PORT = int(os.environ.get("PORT", "9000"))
TOKEN = os.environ.get("TOKEN", "")
API_KEY = os.environ.get("API_KEY", "the-greeters-own-key")  # Yardmaster and this server send it to each other
HEARTBEAT_SECONDS = 30


def perform(task):
    """Do the work; the return value is the task's result."""
    return {"greeting": f"Hello, {task['payload'].get('name', 'stranger')}!"}


class Work(BaseHTTPRequestHandler):
    def do_POST(self):
        task = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not secrets.compare_digest(self.headers.get("X-API-Key", "").encode(), API_KEY.encode()):
            return self.answer(403, {"error": "not Yardmaster"})
        try:
            return self.answer(200, {"status": "COMPLETED", "result": perform(task)})
        except Exception as error:  # this attempt has failed; Yardmaster retries the task
            return self.answer(200, {"status": "FAILED", "error": repr(error)})

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *about):
        """Log no requests."""


def call(method, path, body=None, **headers):
    content = json.dumps(body).encode() if body is not None else None
    request = Request(API + path, content, {"Content-Type": "application/json", **headers}, method=method)
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


def register(url):
    """Register, or register again: the same URL with the same key is the same server."""
    registration = {"name": "greeter", "endpoints": {"predict": url}, "apiKey": API_KEY, "maxConcurrent": 4}
    server_id = call("POST", "/api/servers", registration, Authorization=f"Bearer {TOKEN}")["serverId"]
    print(f"{server_id} is registered and listens on {url}", flush=True)
    return server_id


def send_heartbeat(server_id, url):
    """Send a heartbeat. If Yardmaster does not know this server any more (it was restarted), register again."""
    try:
        call("POST", f"/api/servers/{server_id}/heartbeat", {"status": "healthy"}, **{"X-API-Key": API_KEY})
    except HTTPError as refused:
        return register(url) if refused.code in (401, 404) else server_id
    except OSError:
        pass  # Yardmaster cannot be reached now; the next heartbeat tries again
    return server_id


def main():
    end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: end.set())
    try:
        server = ThreadingHTTPServer(("127.0.0.1", PORT), Work)
    except OSError as error:
        sys.exit(f"cannot listen on port {PORT}: {error.strerror}; name another one with PORT")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    server_id = register(url)
    while not end.wait(HEARTBEAT_SECONDS):
        server_id = send_heartbeat(server_id, url)
    call("DELETE", f"/api/servers/{server_id}", Authorization=f"Bearer {TOKEN}")
    print(f"{server_id} is unregistered", flush=True)


if __name__ == "__main__":
    try:
        main()
    except HTTPError as refused:
        sys.exit(f"{API} answered {refused.code}: {refused.read().decode()}")
    except OSError as error:
        sys.exit(f"cannot reach {API}: {error}")
