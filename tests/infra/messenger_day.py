"""What is told to people in a day, by messengers that answer, fail, rest and come back."""

from chalicelib.apis import messenger
from chalicelib.config import settings
from chalicelib.engine.messaging import notifications as engine
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.messengers import DEAD, TOO_MANY, Messengers, messengers
from tests.support.world import ORG, World, answer

HOOKS = "/webhooks/n8n"


def whole(made: Watch, world: World) -> None:
    """The messengers' part of the day."""
    client, by = Client(made, messenger.api), messengers(world)
    tell(client, made, by)
    have_trouble(client, by)
    look(client, by)


def tell(client: Client, made: Watch, by: Messengers) -> None:
    """Everything by which something is told, one of them twice."""
    client("POST", "/api/notify", {"message": "x" * 9000})
    client("POST", "/api/alert", {"message": "x", "severity": "critical"})
    for hook in ("survey-complete", "earnings-update", "error-alert"):
        client("POST", f"{HOOKS}/{hook}", {"n": 1})
    for _ in range(2):
        with made.running("messenger.api_handler"):
            engine.enqueue_notification(ORG, "x", key="once")
    by.world.settle()


def have_trouble(client: Client, by: Messengers) -> None:
    """Telegram is out of reach, busy, and back; the wakeups that tell of it arrive, or are lost."""
    for reply, lost in ((DEAD, True), (answer(429, TOO_MANY), False), (answer(400), False)):
        by.telegram.reply = reply
        for _ in range(3):
            client("POST", "/api/notify", {"message": "x", "providers": ["telegram"]})
        by.world.settle()
        if lost:
            by.world.queues.queues[settings().wakeups_queue].clear()
        by.telegram.reply = None
        by.world.advance(120)


def look(client: Client, by: Messengers) -> None:
    """Everything that only reads, and WhatsApp's phone."""
    for query in ({}, {"type": "error"}, {"provider": "telegram", "status": "failed"}):
        client("GET", "/api/notifications", query=query)
    for page in ("/api/messengers", "/api/whatsapp/qr", "/health"):
        client("GET", page)
    client("POST", "/api/whatsapp/logout")
