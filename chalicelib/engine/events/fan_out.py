"""Announcements become events for subscribers: the inboxes of users, webhooks and the live feed.

An announcement says which item changed. The payload builder of its pool's API turns it into an event as that API shows
it. Each channel stores an event under the event's own id, so that a redelivered announcement notifies nobody twice.
"""

from collections.abc import Callable, Mapping, Sequence

from chalicelib.domain.changes.effects import Announcement
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.domain.document import PROJECTS_POOL
from chalicelib.engine.accounts import inbox
from chalicelib.engine.live import event_feed
from chalicelib.engine.webhooks import event_deliveries

PayloadBuilder = Callable[[str, Sequence[Announcement]], list[PublicEvent]]
"""Builds an API's events from an org's announcements. It may leave out items that are deleted by now."""
PayloadBuilders = Mapping[str, PayloadBuilder]
"""Pool -> payload builder."""


def publish_announcements(
    org: str,
    occasion: str,
    announcements: Sequence[Announcement],
    payload_builders: PayloadBuilders,
    may_see: event_feed.MaySee,
) -> None:
    """Publish the announcements' events to inboxes and webhooks, and those of the projects API to its live feed."""
    pools = {announcement.pool for announcement in announcements}
    events = [event for pool in pools for event in _build_events(org, pool, announcements, payload_builders)]
    inbox.add_notifications(org, events)
    event_deliveries.create_deliveries(org, events)
    event_feed.publish(org, occasion, [event for event in events if event.pool == PROJECTS_POOL], may_see)


def _build_events(
    org: str, pool: str, announcements: Sequence[Announcement], payload_builders: PayloadBuilders
) -> list[PublicEvent]:
    return payload_builders[pool](org, [announcement for announcement in announcements if announcement.pool == pool])
