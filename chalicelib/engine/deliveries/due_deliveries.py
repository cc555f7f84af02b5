"""Deliveries that are due, to webhooks and messengers: found by their wakeups, or by the sweep."""

from collections.abc import Iterator, Sequence

from chalicelib import clock
from chalicelib.engine.deliveries.attempt_queue import enqueue_attempts
from chalicelib.storage.deliveries import deliveries as storage
from chalicelib.storage.deliveries.deliveries import Key

LATE_MS = clock.MINUTE
"""The sweep takes a delivery that is overdue by this much: its message is lost or waits."""
DEFER_MS = 2 * clock.MINUTE
"""The sweep leaves a delivery for this long to the message that it sent."""
BATCH = 10
"""Deliveries of one batch of messages."""


def wake_shards() -> list[str]:
    """The partitions of the index in which due deliveries are found."""
    return storage.all_wake_shards()


def find_late(shard: str, limit: int) -> Iterator[Key]:
    """The deliveries of one wake shard that are overdue by LATE_MS, at most `limit`."""
    return storage.find_due(shard, clock.now() - LATE_MS, limit)


def enqueue_late(keys: Sequence[Key]) -> None:
    """Have those of the deliveries attempted that are still due. One call for each, and one for ten."""
    now = clock.now()
    deferred = (storage.defer_due(key, now, now + DEFER_MS) for key in keys)
    enqueue_attempts([delivery for delivery in deferred if delivery is not None])


def enqueue_if_due(org: str, receiver: str, identifier: str) -> None:
    """Have the delivery attempted if it is due: its wakeup has come. One call, or two."""
    delivery = storage.find(org, receiver, identifier)
    if delivery is not None and delivery.wake_at is not None and delivery.wake_at <= clock.now():
        enqueue_attempts([delivery])
