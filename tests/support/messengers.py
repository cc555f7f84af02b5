"""Fake messenger providers that accept and answer requests as their documentation says."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib import config
from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.engine.messaging import notifications
from chalicelib.engine.messaging.notifications import Filter, NotificationState
from chalicelib.providers.http.outbound import Response, Unreachable
from tests.support.world import ORG, World, answer

TOKEN, CHANNEL, KEY = "123456:telegram-secret", "discord-secret", "waha-secret"
SECRETS = (TOKEN, CHANNEL, KEY, "n8n-secret")
ACCOUNTS: dict[str, Any] = {
    "telegram": {"bot_token": TOKEN, "chat_id": -100123, "api_url": "https://telegram.example"},
    "discord": {"webhook_url": f"https://discord.example/api/webhooks/1/{CHANNEL}"},
    "whatsapp": {"url": "https://waha.example/", "chat_id": "491234567890@c.us", "api_key": KEY},
}
ProviderReply = Response | Unreachable | Callable[[], Response]
DEAD = Unreachable("timed out")
TOO_MANY = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 30}}
"""Telegram's answer."""


@dataclass
class Provider:
    """One provider. `sent` has the messages that it accepted. `reply`, if set, is its answer to every request."""

    reply: ProviderReply | None = None
    sent: list[Any] = field(default_factory=list)
    request_count: int = 0

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> Response:
        self.request_count += 1
        if isinstance(self.reply, Exception):
            raise self.reply
        if self.reply is not None:
            return self.reply() if callable(self.reply) else self.reply
        return self.answer(url, headers, json.loads(body) if body else None)

    def answer(self, url: str, headers: dict[str, str], body: Any) -> Response:
        raise NotImplementedError

    def accept(self, body: Any) -> int:
        self.sent.append(body)
        return len(self.sent)


class Telegram(Provider):
    def answer(self, url: str, headers: dict[str, str], body: Any) -> Response:
        _, _, path = url.partition("/bot")
        if not path.startswith(f"{TOKEN}/"):
            return answer(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
        if path.endswith("/getMe"):
            return answer(200, {"ok": True, "result": {"id": 123456, "is_bot": True, "first_name": "Bote"}})
        assert path.endswith("/sendMessage") and body["parse_mode"] == "HTML"
        if len(body["text"]) > 5 * 4096:
            return answer(400, {"ok": False, "error_code": 400, "description": "Bad Request: message is too long"})
        result = {
            "message_id": self.accept(body),
            "date": 1,
            "chat": {"id": body["chat_id"]},
            "text": body["text"],
        }
        return answer(200, {"ok": True, "result": result})


class Discord(Provider):
    def answer(self, url: str, headers: dict[str, str], body: Any) -> Response:
        path, _, query = url.partition("?")
        if not path.endswith(f"/api/webhooks/1/{CHANNEL}"):
            return answer(401, {"message": "Invalid Webhook Token", "code": 50027})
        if body is None:
            return answer(200, {"id": "1", "type": 1, "name": "Bote", "channel_id": "2"})
        if len(body["content"]) > 2000:
            return answer(400, {"message": "Invalid Form Body", "code": 50035})
        number = self.accept(body)
        return answer(200, {"id": f"11{number}", "content": body["content"]}) if query == "wait=true" else answer(204)


@dataclass
class Waha(Provider):
    status: str = "WORKING"
    png: bytes = b""

    def answer(self, url: str, headers: dict[str, str], body: Any) -> Response:
        if headers.get("x-api-key") != KEY:
            return answer(401, {"message": "Unauthorized", "statusCode": 401})
        if url.endswith("/api/sendText"):
            if self.status != "WORKING":
                return answer(422, self.unpaired_answer())
            return answer(201, {"id": {"fromMe": True, "_serialized": f"true_{body['chatId']}_{self.accept(body)}"}})
        if url.endswith("/auth/qr?format=image"):
            # As in its OpenAPI document: {mimetype, data} where JSON is accepted.
            import base64

            return answer(200, {"mimetype": "image/png", "data": base64.b64encode(self.png).decode()})
        if url.endswith("/api/sessions/default/logout"):
            self.status = "STOPPED"
            return answer(201, {"name": "default", "status": self.status})
        assert url.endswith("/api/sessions/default")
        return answer(200, {"name": "default", "status": self.status, "me": None})

    def unpaired_answer(self) -> dict[str, Any]:
        """The answer for a session that is not paired."""
        body = "Session status is not as expected. Try again later or restart the session"
        return {"error": body, "session": "default", "status": self.status, "expected": ["WORKING"]}


@dataclass
class Messengers:
    """The org's messengers, all configured."""

    world: World
    telegram: Telegram = field(default_factory=Telegram)
    discord: Discord = field(default_factory=Discord)
    whatsapp: Waha = field(default_factory=Waha)
    last: str = ""
    """Id of the latest notification."""

    def send(self, message: str = "Hello!", **body: Any) -> str:
        """Create a notification and return its id; nothing is sent yet."""
        self.last = notifications.enqueue_notification(ORG, message, **body).id
        return self.last

    def notify_and_settle(self, message: str = "Hello!", **body: Any) -> NotificationState:
        """Create a notification, send it, and return its state."""
        self.send(message, **body)
        self.world.settle()
        return self.latest()

    def latest(self) -> NotificationState:
        found = notifications.list_history(ORG, Filter(), 100).notifications
        return next(one for one in found if one.notification.id == self.last)

    def delivery(self, name: str = "telegram") -> Delivery:
        found = self.latest().deliveries.get(name)
        assert found is not None
        return found

    def wait(self, seconds: float) -> None:
        """Move the clock and run wakeups and two sweeps."""
        self.world.clock.advance(seconds)
        for _ in range(2):
            self.world.settle()
            self.world.sweep()
            self.world.settle()
            self.world.clock.advance(61)


def configure(accounts: Any, org: str = ORG) -> None:
    """Set the org's messenger accounts."""
    configure_all({org: accounts})


def configure_all(accounts: dict[str, Any]) -> None:
    """Set the messenger accounts of these orgs, and no others'."""
    from chalicelib.engine.messaging import provider_accounts, provider_status

    config.replace(messengers=json.dumps(accounts))
    provider_accounts._cached.clear()
    provider_status._cached_checks.clear()


def messengers(world: World) -> Messengers:
    """Every provider, configured and available."""
    fakes = Messengers(world)
    configure(ACCOUNTS)
    world.servers |= {
        "telegram.example": fakes.telegram,
        "discord.example": fakes.discord,
        "waha.example": fakes.whatsapp,
    }
    return fakes
