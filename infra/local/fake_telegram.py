"""A fake Telegram for the local stack: a Bot API that prints the messages it receives.

Org `local` uses it while the setting MESSENGERS is empty, so that the first notification can be seen.
"""

import json
from html import unescape
from itertools import count
from typing import Any

from infra.local.gateway.proxy_event import Receive, Scope, Send
from infra.local.seed import ORG

METHODS = ("/getMe", "/sendMessage")


def accounts(url: str) -> str:
    """The setting MESSENGERS for the fake Telegram at `url`."""
    return json.dumps({ORG: {"telegram": {"bot_token": "local", "chat_id": "you", "api_url": url}}})


class FakeTelegram:
    """The Bot API as an ASGI app."""

    def __init__(self) -> None:
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request as the Bot API does."""
        if scope["type"] != "http":
            return
        request = await _body(receive)
        is_known_method = scope["path"].endswith(METHODS)
        if is_known_method and "text" in request:
            print(f"{'message':<12} {unescape(request['text'])}", flush=True)
        answer = (
            {"ok": True, "result": {"message_id": next(self._numbers)}}
            if is_known_method
            else {"ok": False, "error_code": 404}
        )
        body = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200 if is_known_method else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> Any:
    content, more = b"", True
    while more:
        message = await receive()
        content, more = content + message.get("body", b""), message.get("more_body", False)
    return json.loads(content or b"{}")
