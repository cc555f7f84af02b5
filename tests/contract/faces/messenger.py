"""The messenger API (delqhi-platform.md, "Zimmer-09 ClawdBot-Bote")."""

import json
import re

from chalicelib.apis.messenger import api
from tests.contract.documented import Resource, without
from tests.contract.face import Face
from tests.contract.faces.coordinator import INSTANT, coordinator, format_instant
from tests.support.client import Client
from tests.support.messengers import ACCOUNTS, Discord, Telegram, Waha
from tests.support.world import World

NOTIFICATION = {"message": "Hello!"}
ALERT = {"message": "Fire!", "severity": "warning"}
PNG = b"\x89PNG\r\n\x1a\n"
NOW = "2026-01-27T05:54:06.050535"


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """All providers answer, one notification is sent, and WhatsApp waits for a phone to scan its QR code."""
    bridge = Waha(status="SCAN_QR_CODE", png=PNG)
    world.servers |= {"telegram.example": Telegram(), "discord.example": Discord(), "waha.example": bridge}
    client.post("/api/notify", NOTIFICATION | {"providers": ["telegram"]}, token=caller)
    world.settle()
    return {}


def accepted_answer(*names: str) -> dict[str, object]:
    return {"id": "ntf_uuid", "status": "queued", "providers": dict.fromkeys(names, "queued")}


EVERYWHERE = accepted_answer("telegram", "whatsapp", "discord")
DELIVERED = {"status": "sent", "message_id": "1", "message_ids": ["1"], "attempts": 1, "error": None, "sent_at": NOW}

messenger = Face(
    api=api,
    build=build,
    on={},
    read_error=coordinator.read_error,
    codes=coordinator.codes,
    case=re.compile(r"[a-z][a-z0-9_]*|hasQR"),
    instants=frozenset({"created_at", "sent_at", "last_success", "last_error_at"}),
    instant=format_instant,
    formats={
        INSTANT: INSTANT,
        "ntf_uuid": r"ntf_\w+",
        r"data:image/png;base64,\.\.\.": r"data:image/png;base64,[\w+/]+=*",
    },
    exact=True,
    answers={
        "GET /health": {
            "status": "healthy",
            "timestamp": NOW,
            "version": "1.0.0",
            "service": "zimmer-09-clawdbot-bote",
            "queue_depth": 0,
            "waiting_for_retry": 0,
        },
        "POST /api/notify": accepted_answer("telegram", "discord"),
        "POST /api/alert": EVERYWHERE,
        "POST /api/whatsapp/logout": {"status": "logged_out"},
        "GET /api/notifications": {
            "notifications": [
                {
                    "id": "ntf_uuid",
                    "type": "info",
                    "message": "Hello!",
                    "source": "notify",
                    "created_at": NOW,
                    "providers": {"telegram": DELIVERED},
                }
            ],
            "limit": 20,
            "next_cursor": None,
        },
        **{f"POST /webhooks/n8n/{name}": EVERYWHERE for name in ("survey-complete", "earnings-update", "error-alert")},
    },
    statuses={
        "POST /api/notify": 202,
        "POST /api/alert": 202,
        **{f"POST /webhooks/n8n/{name}": 202 for name in ("survey-complete", "earnings-update", "error-alert")},
    },
    public=("GET /health",),
    elsewhere=("GET /api/whatsapp/qr", "POST /api/whatsapp/logout"),
    opens=True,
    spenders={"default": "GET /api/messengers"},
    missing=(
        ("POST /api/notify", "message", without(NOTIFICATION, "message")),
        ("POST /api/alert", "message", without(ALERT, "message")),
    ),
    bases={"POST /api/notify": NOTIFICATION, "POST /api/alert": ALERT},
    wrong=(
        ("POST /api/notify", "message", ("", " \n", "x" * 20_001, 7, None)),
        ("POST /api/notify", "type", ("", "critical", 7, None)),
        ("POST /api/notify", "providers", ("telegram", [], ["pager"], [7])),
        ("POST /api/alert", "message", ("", 7, None)),
        ("POST /api/alert", "severity", ("", "error", 7, None)),
        ("POST /api/alert", "providers", ("all", [], ["pager"])),
    ),
    wrong_queries=(
        ("GET /api/notifications", "type", ("", "fatal")),
        ("GET /api/notifications", "provider", ("", "all", "pager")),
        ("GET /api/notifications", "status", ("", "pending")),
        ("GET /api/notifications", "limit", ("0", "101", "ten", "")),
        ("GET /api/notifications", "cursor", ("", "garbage")),
    ),
    settings={"messengers": json.dumps({"acme": ACCOUNTS, "penumbra": ACCOUNTS})},
)
