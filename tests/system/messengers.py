"""Providers of messages as servers on this machine, which answer as the real ones document it, or not at all."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from tests.support.messengers import CHANNEL, KEY, TOKEN, Discord, Provider, Telegram, Waha


class Outside(ThreadingHTTPServer):
    """All providers behind one port, by the first part of the path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.telegram, self.discord, self.whatsapp = Telegram(), Discord(), Waha()
        self.providers: dict[str, Provider] = {
            "telegram": self.telegram,
            "discord": self.discord,
            "waha": self.whatsapp,
        }
        self.hanging: set[str] = set()
        """Who takes a request and never answers."""
        self.garbling: set[str] = set()
        """Whose answer is no HTTP."""
        self.over = Event()

    @property
    def accounts(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.server_port}"
        return {
            "telegram": {"bot_token": TOKEN, "chat_id": -100123, "api_url": f"{url}/telegram"},
            "discord": {"webhook_url": f"{url}/discord/api/webhooks/1/{CHANNEL}"},
            "whatsapp": {"url": f"{url}/waha", "chat_id": "491234567890@c.us", "api_key": KEY},
        }


class Handler(BaseHTTPRequestHandler):
    server: Outside

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        name = self.path.split("/")[1]
        if name in self.server.hanging:
            self.server.over.wait()
        elif name in self.server.garbling:
            self._garble()
        else:
            self._answer(self.server.providers[name], body)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _answer(self, provider: Provider, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = provider(f"http://{headers['host']}{self.path}", headers, body)
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(said.body)))
        self.end_headers()
        self.wfile.write(said.body)

    def _garble(self) -> None:
        self.wfile.write(b"\x00\xffSSH-2.0-Garbage\r\n\r\n")
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def outside() -> Iterator[Outside]:
    """The providers, until the end."""
    with Outside() as found:
        Thread(target=found.serve_forever, args=(0.05,), daemon=True).start()
        yield found
        found.over.set()
        found.shutdown()


def environment(found: Outside, org: str) -> str:
    """What MESSENGERS says of an org that has all of them."""
    return json.dumps({org: found.accounts})
