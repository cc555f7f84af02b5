"""Receivers of webhooks for tests: an org's webhooks, events for them, and the received posts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib import clock
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.domain.document import Document
from chalicelib.engine.webhooks import endpoints, event_deliveries, redelivery
from chalicelib.providers.http import outbound
from tests.support.world import ORG, Reply, World, answer

SECRET = "a-secret-of-the-tests"


def fact(number: int = 1, topic: Topic = Topic.TASK_CREATED, **changes: Any) -> PublicEvent:
    """An event that happens now."""
    base: dict[str, Any] = {"subject": f"task_{number}", "version": 1, "data": {"id": f"task_{number}"}}
    base |= {"about": {}, "recipients": {}, "org": ORG, "at": clock.now()}
    return PublicEvent(**(base | {"id": f"evt_task_{number}_1", "topic": topic} | changes))


def happen(*facts: PublicEvent) -> None:
    event_deliveries.create_deliveries(ORG, facts)


@dataclass
class Receiver:
    """A webhook at https://<name>.example, and the posts that it received."""

    webhook: Document
    world: World
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    reply: Reply | outbound.Response | outbound.Unreachable = field(default_factory=lambda: answer(200))

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> outbound.Response:
        self.posts.append((headers, body))
        reply = self.reply(url, headers, body) if callable(self.reply) else self.reply
        if isinstance(reply, Exception):
            raise reply
        return reply

    @property
    def events(self) -> list[str]:
        """The header webhook-id of each post."""
        return [headers["webhook-id"] for headers, _ in self.posts]

    @property
    def deliveries(self) -> Sequence[Delivery]:
        return redelivery.list_deliveries(ORG, self.webhook.id, None)

    @property
    def delivery(self) -> Delivery:
        [found] = self.deliveries
        return found

    @property
    def body(self) -> Any:
        return json.loads(self.posts[-1][1])


def receiver(world: World, name: str = "one", *events: Topic, **fields: Any) -> Receiver:
    """Create a webhook, by default for new tasks. It answers 200 unless `reply` is changed."""
    base: dict[str, Any] = {"url": f"https://{name}.example/hook", "active": True, "headers": {}}
    base |= {"events": [str(one) for one in events or (Topic.TASK_CREATED,)]}
    made = Receiver(endpoints.create(ORG, base | fields, SECRET, by="dev").webhook, world)
    world.servers[f"{name}.example"] = made
    return made
