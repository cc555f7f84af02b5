"""The local stage's own messenger: it takes what Telegram takes, and prints it."""

import asyncio
import json
from typing import Any

import pytest

from chalicelib.providers.messengers import missing_settings
from infra.local.fake_telegram import Phone, accounts


def asked(phone: Phone, path: str, *pieces: bytes) -> tuple[int, Any]:
    """The status and the body of the answer to a POST that comes in pieces."""
    waiting = [{"type": "http.request", "body": one, "more_body": True} for one in pieces]
    waiting.append({"type": "http.request"})
    said: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(phone({"type": "http", "path": path}, receive, send))
    return said[0]["status"], json.loads(said[1]["body"])


def test_what_it_is_sent_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    phone = Phone()
    sent = json.dumps({"chat_id": "you", "text": "a &lt; b", "parse_mode": "HTML"}).encode()
    assert asked(phone, "/botlocal/getMe") == (200, {"ok": True, "result": {"message_id": 1}})
    assert asked(phone, "/botlocal/sendMessage", sent[:9], sent[9:]) == (200, {"ok": True, "result": {"message_id": 2}})
    assert asked(phone, "/botlocal/deleteWebhook")[0] == 404
    assert capsys.readouterr().out == "message      a < b\n"


def test_its_account_lacks_nothing() -> None:
    assert missing_settings("telegram", json.loads(accounts("http://127.0.0.1:1"))["local"]["telegram"]) == []
