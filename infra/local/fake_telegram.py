"""A messenger of this machine's own, in the place of Telegram: a Bot API that prints what it is sent.

It is what org `local` has as long as MESSENGERS says nothing, so that the first notification arrives somewhere.
"""

import json
from html import unescape
from itertools import count
from typing import Any

from infra.local.gateway.proxy_event import Receive, Scope, Send
from infra.local.seed import ORG

METHODS = ("/getMe", "/sendMessage")


def accounts(url: str) -> str:
    """What MESSENGERS says of it; `url` is where it listens."""
    return json.dumps({ORG: {"telegram": {"bot_token": "local", "chat_id": "you", "api_url": url}}})


class Phone:
    """An ASGI app."""

    def __init__(self) -> None:
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request as the Bot API does."""
        if scope["type"] != "http":
            return
        said = await _body(receive)
        good = scope["path"].endswith(METHODS)
        if good and "text" in said:
            print(f"{'message':<12} {unescape(said['text'])}", flush=True)
        told = {"ok": True, "result": {"message_id": next(self._numbers)}} if good else {"ok": False, "error_code": 404}
        body = json.dumps(told).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200 if good else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> Any:
    text, more = b"", True
    while more:
        message = await receive()
        text, more = text + message.get("body", b""), message.get("more_body", False)
    return json.loads(text or b"{}")
