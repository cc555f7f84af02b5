"""Servers on this machine that answer as messengers' documentation says, or fail."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from tests.support.messengers import CHANNEL, KEY, TOKEN, Discord, Provider, Telegram, Waha


class ProviderServer(ThreadingHTTPServer):
    """All providers on one port, by the first segment of the path."""

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
        """Providers that accept a request and never answer."""
        self.garbling: set[str] = set()
        """Providers whose answer is not HTTP."""
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
    server: ProviderServer

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
        reply = provider(f"http://{headers['host']}{self.path}", headers, body)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def _garble(self) -> None:
        self.wfile.write(b"\x00\xffSSH-2.0-Garbage\r\n\r\n")
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving_providers() -> Iterator[ProviderServer]:
    """The providers, until the end of the block."""
    with ProviderServer() as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.over.set()
        server.shutdown()


def environment(found: ProviderServer, org: str) -> str:
    """The variable MESSENGERS for an org with all providers."""
    return json.dumps({org: found.accounts})
