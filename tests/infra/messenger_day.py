"""A day of notifications: messengers answer, fail, ask for a pause and work again."""

from chalicelib.apis import messenger
from chalicelib.config import settings
from chalicelib.engine.messaging import notifications as engine
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.messengers import DEAD, TOO_MANY, Messengers, messengers
from tests.support.world import ORG, World, answer

HOOKS = "/webhooks/n8n"


def run(watch: Watch, world: World) -> None:
    """The messengers' part of the day."""
    client, providers = Client(watch, messenger.api), messengers(world)
    tell(client, watch, providers)
    fail_and_recover(client, providers)
    look(client, providers)


def tell(client: Client, watch: Watch, providers: Messengers) -> None:
    """Send notifications in every way, one of them twice."""
    client("POST", "/api/notify", {"message": "x" * 9000})
    client("POST", "/api/alert", {"message": "x", "severity": "critical"})
    for hook in ("survey-complete", "earnings-update", "error-alert"):
        client("POST", f"{HOOKS}/{hook}", {"n": 1})
    for _ in range(2):
        with watch.running("messenger.api_handler"):
            engine.enqueue_notification(ORG, "x", key="once")
    providers.world.settle()


def fail_and_recover(client: Client, providers: Messengers) -> None:
    """Telegram cannot be reached, is busy, and works again; the wakeups arrive, or are lost."""
    for reply, lost in ((DEAD, True), (answer(429, TOO_MANY), False), (answer(400), False)):
        providers.telegram.reply = reply
        for _ in range(3):
            client("POST", "/api/notify", {"message": "x", "providers": ["telegram"]})
        providers.world.settle()
        if lost:
            providers.world.queues.queues[settings().wakeups_queue].clear()
        providers.telegram.reply = None
        providers.world.advance(120)


def look(client: Client, providers: Messengers) -> None:
    """Send the requests that only read, and pair WhatsApp."""
    for query in ({}, {"type": "error"}, {"provider": "telegram", "status": "failed"}):
        client("GET", "/api/notifications", query=query)
    for page in ("/api/messengers", "/api/whatsapp/qr", "/health"):
        client("GET", page)
    client("POST", "/api/whatsapp/logout")
