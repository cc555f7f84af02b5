"""The bad servers of the hard demo, all in one process. Each is a listening socket that misbehaves in its own way.

`python -m infra.local.demo.bad_servers` prints a line of JSON, {name: URL}. It then reads a line of JSON, {name: URL
for heartbeats}, and sends heartbeats for all of them. `python -m infra.local.demo.bad_servers dies` is a single server,
which prints its URL and kills itself (SIGKILL) after it has accepted a few tasks.
"""

import json
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count

import requests

from chalicelib import clock
from infra.local.demo.http_worker import HEARTBEAT_SECONDS

Misbehave = Callable[[socket.socket], None]
LARGE = 60_000_000
ACCEPTED_BEFORE_DEATH = 3
API_KEY = "demo-key-of-a-bad-server"


def answering(status: str, *headers: str, body: bytes = b"") -> Misbehave:
    """It gives the same answer to every request."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + body)


def never_answer(connection: socket.socket) -> None:
    """It reads the request and never answers."""
    while connection.recv(65_536):
        pass


def drips(connection: socket.socket) -> None:
    """It sends its answer at one byte a second."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 1_000:
        connection.sendall(bytes([byte]))
        clock.sleep(1)


def talks_garbage(connection: socket.socket) -> None:
    connection.sendall(b"\x16\x03\x01SSH-2.0-garbage\r\n" * 50)


def resets(connection: socket.socket) -> None:
    """It reads the request and resets the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close_connection(_: socket.socket) -> None:
    """It reads the request and closes the connection."""


def floods(connection: socket.socket) -> None:
    """It answers with 60 MB."""
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n".encode())
    for _ in range(LARGE // 1_000_000):
        connection.sendall(b" " * 1_000_000)


def make_dying() -> Misbehave:
    """It accepts a few tasks, and kills itself before it has run them."""
    accepted = count(1)
    accept = answering("202 Accepted")

    def misbehave(connection: socket.socket) -> None:
        accept(connection)
        if next(accepted) == ACCEPTED_BEFORE_DEATH:
            connection.close()
            os.kill(os.getpid(), signal.SIGKILL)

    return misbehave


BAD_SERVERS: dict[str, Misbehave] = {
    "hanging": never_answer,
    "dripping": drips,
    "garbage": talks_garbage,
    "reset": resets,
    "hanging up": close_connection,
    "60 MB": floods,
    "redirect": answering("302 Found", "Location: http://127.0.0.1:1/"),
    "500 for an hour": answering("500 Internal Server Error"),
    "absurd Retry-After": answering("429 Too Many Requests", "Retry-After: 999999999999"),
}


def listen(misbehave: Misbehave) -> str:
    """Serve on a free port, in a thread; returns the URL."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=_serve, args=(listener, misbehave), daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _serve(listener: socket.socket, misbehave: Misbehave) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection, misbehave), daemon=True).start()


def _answer(connection: socket.socket, misbehave: Misbehave) -> None:
    with suppress(OSError), connection:
        _read_request(connection)
        misbehave(connection)


def _read_request(connection: socket.socket) -> None:
    """Read a request, head and body."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += connection.recv(65_536) or b"\r\n\r\n"
    head, _, body = text.partition(b"\r\n\r\n")
    lengths = [kind.partition(b":")[2] for kind in head.lower().split(b"\r\n") if kind.startswith(b"content-length:")]
    missing = int(lengths[0] if lengths else 0) - len(body)
    while missing > 0 and (more := connection.recv(65_536)):
        missing -= len(more)


def send_heartbeats(heartbeats: dict[str, str]) -> None:
    """Send heartbeats for all servers, for ever."""
    while True:
        for url in heartbeats.values():
            with suppress(requests.RequestException):
                requests.post(url, json={"status": "healthy"}, headers={"X-API-Key": API_KEY}, timeout=10)
        clock.sleep(2 * HEARTBEAT_SECONDS)


def main(which: str = "") -> None:
    if which == "dies":
        print(listen(make_dying()), flush=True)
        threading.Event().wait()
    print(json.dumps({name: listen(misbehave) for name, misbehave in BAD_SERVERS.items()}), flush=True)
    send_heartbeats(json.loads(sys.stdin.readline()))


if __name__ == "__main__":
    main(*sys.argv[1:])
