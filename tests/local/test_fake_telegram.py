"""The fake Telegram accepts Telegram's requests and prints the messages."""

import asyncio
import json
from typing import Any

import pytest

from chalicelib.providers.messengers import missing_settings
from infra.local.fake_telegram import FakeTelegram, accounts


def post(telegram: FakeTelegram, path: str, *chunks: bytes) -> tuple[int, Any]:
    """Send a POST in chunks; returns the answer's status and body."""
    waiting = [{"type": "http.request", "body": one, "more_body": True} for one in chunks]
    waiting.append({"type": "http.request"})
    messages: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(telegram({"type": "http", "path": path}, receive, send))
    return messages[0]["status"], json.loads(messages[1]["body"])


def test_messages_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    telegram = FakeTelegram()
    sent = json.dumps({"chat_id": "you", "text": "a &lt; b", "parse_mode": "HTML"}).encode()
    assert post(telegram, "/botlocal/getMe") == (200, {"ok": True, "result": {"message_id": 1}})
    assert post(telegram, "/botlocal/sendMessage", sent[:9], sent[9:]) == (
        200,
        {"ok": True, "result": {"message_id": 2}},
    )
    assert post(telegram, "/botlocal/deleteWebhook")[0] == 404
    assert capsys.readouterr().out == "message      a < b\n"


def test_its_account_lacks_nothing() -> None:
    assert missing_settings("telegram", json.loads(accounts("http://127.0.0.1:1"))["local"]["telegram"]) == []
