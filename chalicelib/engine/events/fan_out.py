"""What happened, told to whoever asked to be told: notifications, webhooks, and the live feed.

The relay says what happened; the API that it belongs to says how it looks (its herald); each of those who are told
does it under the fact's own id, so that a redelivered announcement tells nobody twice.
"""

from collections.abc import Callable, Mapping, Sequence

from chalicelib.domain.changes.effects import Announcement
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.engine.accounts import inbox
from chalicelib.engine.live import event_feed
from chalicelib.engine.webhooks import delivery as posting

Herald = Callable[[str, Sequence[Announcement]], list[PublicEvent]]
"""How an API words what happened in an org; what is gone meanwhile, or concerns nobody, may be left out."""
Heralds = Mapping[str, Herald]
"""Pool -> herald."""


def announce(
    org: str, occasion: str, found: Sequence[Announcement], payload_builders: Heralds, may_see: event_feed.MaySee
) -> None:
    """Tell everyone who asked for it."""
    facts = [fact for pool in {one.pool for one in found} for fact in _facts(org, pool, found, payload_builders)]
    inbox.add_notifications(org, facts)
    posting.publish(org, facts)
    event_feed.publish(org, occasion, facts, may_see)


def _facts(org: str, pool: str, found: Sequence[Announcement], payload_builders: Heralds) -> list[PublicEvent]:
    return payload_builders[pool](org, [one for one in found if one.pool == pool])
