"""The event feed of an org: its events, numbered and sent to the connections that subscribe to them.

It works like the task feed (engine/live/task_feed.py) on a feed of its own, and adds two things: each subscription
names the events that it wants, and the user who opened the connection must still be allowed to see them when they are
sent. All of an org's events and new subscriptions pass through one FIFO group, so that a subscription misses none."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from chalicelib import clock
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.engine.changes import queue_messages
from chalicelib.engine.live import frames, task_feed
from chalicelib.engine.live.frames import Frame
from chalicelib.errors import Conflict, InvalidRequest, Unavailable
from chalicelib.storage.aws import dynamodb, websocket_api
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.aws.websocket_api import ConnectionGone
from chalicelib.storage.connections import connections
from chalicelib.storage.connections import subscriptions as storage
from chalicelib.storage.connections.connections import Connection
from chalicelib.storage.connections.subscriptions import Subscription, feed_name

MaySee = Callable[[Connection, str], bool]
"""Whether the user who opened a connection may see the events of a channel now."""
MAX_SUBSCRIPTIONS = 20
"""On one connection."""
MAX_CATCH_UP = 1_000
"""A subscription that missed more events gets a reset: the client must read the objects again."""
CHANNELS = {"task": "tasks", "comment": "tasks", "agent": "agents", "project": "projects"}
"""First word of a topic -> the channel in which its events are sent."""


def open_connection(connection: Connection) -> None:
    """Accept a connection. It gets nothing until it subscribes."""
    with suppress(ConditionFailed):  # API Gateway reported the connection twice
        dynamodb.commit(connections.create_write(connection))


def subscribe(connection: Connection, name: str, channel: str, filters: Mapping[str, Any], since: int | None) -> None:
    """Start a subscription: it gets every event after the number `since`, or from now on.

    Raises InvalidRequest for a number that is not in use yet, Conflict for one subscription too many.
    """
    head = task_feed.open_feed(feed_name(connection.org))
    if since is not None and since > head.sequence:
        problem = f"must be at most {head.sequence}, the latest sequence"
        raise InvalidRequest(f"since: {problem}, got {since}", fields={"since": problem})
    existing = storage.find_by_connection(connection.org, connection.id)
    others = {subscription.name for subscription in existing} - {name}
    if len(others) >= MAX_SUBSCRIPTIONS:
        raise Conflict(f"A connection has at most {MAX_SUBSCRIPTIONS} subscriptions: end one, or open another")
    start = head.sequence if since is None else since
    dynamodb.commit(storage.put_write(Subscription(connection, name, channel, filters, start)))
    queue_messages.enqueue_subscription_catch_up(connection.org, connection.id, name)


def unsubscribe(connection: Connection, name: str) -> None:
    """End the subscription of this name, if there is one."""
    dynamodb.commit(storage.delete_write(connection.org, connection.id, name))


def leave(connection: Connection) -> None:
    """Remove a connection that has ended, and its subscriptions."""
    for subscription in storage.find_by_connection(connection.org, connection.id):
        dynamodb.commit(storage.delete_write(connection.org, connection.id, subscription.name))
    dynamodb.commit(connections.delete_write(connection.id))


def publish(org: str, occasion: str, events: Sequence[PublicEvent], may_see: MaySee) -> None:
    """Number the events and send them to the subscriptions that want them. Nothing happens when the org had no
    subscription for a day.

    The same occasion again gives the same numbers, and sends the events again.
    """
    entries = [_entry(event) for event in events if _channel_of_topic(event.topic) is not None]
    numbered_from = task_feed.number_entries(feed_name(org), occasion, entries) if entries else None
    if numbered_from is None:
        return
    head, first = numbered_from
    audience = [subscription for subscription in storage.find_by_org(org) if subscription.live]
    task_feed.extend_feed(feed_name(org), head, watched=bool(audience))
    numbered = list(enumerate(entries, first))
    task_feed.run_in_threads([partial(_send, each, numbered, may_see) for each in audience])


def _channel_of_topic(topic: str) -> str | None:
    return CHANNELS.get(topic.partition(".")[0])


def _entry(event: PublicEvent) -> dict[str, Any]:
    return {
        "topic": str(event.topic),
        "at": event.at,
        "data": dict(event.data),
        "about": {name: value for name, value in event.about.items() if value is not None},
    }


def _frame(number: int, entry: Mapping[str, Any], name: str) -> Frame:
    """The frame of an event. Every change of a task or project has the type `<kind>.updated`; `event` is the exact
    topic."""
    topic = entry["topic"]
    kind = topic.partition(".")[0]
    updated = kind in ("task", "project") and topic not in (f"{kind}.created", f"{kind}.deleted")
    return {
        "type": f"{kind}.updated" if updated else topic,
        "channel": CHANNELS[kind],
        "subscription": name,
        "event": topic,
        "sequence": number,
        "timestamp": clock.iso(entry["at"]),
        "data": entry["data"],
    }


def _is_wanted(subscription: Subscription, entry: Mapping[str, Any]) -> bool:
    if _channel_of_topic(entry["topic"]) != subscription.channel:
        return False
    return all(_matches(entry["about"].get(name), wanted) for name, wanted in subscription.filters.items())


def _matches(value: Any, wanted: Any) -> bool:
    """Whether a value equals the wanted one, or one of a list of them."""
    return value in wanted if isinstance(wanted, list) else value == wanted


def _send(subscription: Subscription, numbered: Sequence[tuple[int, Mapping[str, Any]]], may_see: MaySee) -> bool:
    """Send a subscription the events that it wants. False when its connection is gone, and was removed.

    A connection that cannot be sent to is closed: the client comes back with the last number that it got. A connection
    whose user may no longer see the events is closed too.
    """
    connection = subscription.connection
    due = [(number, entry) for number, entry in numbered if _is_due(subscription, number, entry)]
    if due and not may_see(connection, subscription.channel):
        websocket_api.close(connection.id)
        leave(connection)
        return False
    return _post_all(connection, [_frame(number, entry, subscription.name) for number, entry in due])


def _is_due(subscription: Subscription, number: int, entry: Mapping[str, Any]) -> bool:
    return number > subscription.since and _is_wanted(subscription, entry)


def _post_all(connection: Connection, to_send: Sequence[Frame]) -> bool:
    try:
        for frame in to_send:
            frames.post(connection.id, frames.encode(frame))
    except ConnectionGone:
        leave(connection)
    except Unavailable:
        websocket_api.close(connection.id)
        leave(connection)
    else:
        return True
    return False


def catch_up(org: str, connection_id: str, name: str, may_see: MaySee) -> None:
    """Send a new subscription the events since its start; from then on it gets every event that it wants. This is
    handled in order with the org's events, so that it misses none."""
    subscription, head = storage.find(org, connection_id, name), connections.find_head(feed_name(org))
    if subscription is None or subscription.live or head is None:
        return
    missed = head.sequence - subscription.since
    entries = (
        list(connections.read_entries(feed_name(org), subscription.since, head.sequence))
        if 0 < missed <= MAX_CATCH_UP
        else []
    )
    is_complete = len(entries) == max(0, missed)
    if not _send(subscription, entries if is_complete else (), may_see):
        return
    with suppress(ConditionFailed):  # it has ended meanwhile, or was replaced
        dynamodb.commit(storage.set_live_write(subscription))
        confirmation = _subscribed_frame(subscription, head.sequence, is_complete=is_complete)
        _post_all(subscription.connection, [confirmation])


def _subscribed_frame(subscription: Subscription, sequence: int, *, is_complete: bool) -> Frame:
    # On a reset the events that it missed are no longer kept: the client must read again what it shows.
    return {
        "type": "subscribed" if is_complete else "reset",
        "channel": subscription.channel,
        "subscription": subscription.name,
        "filters": subscription.filters,
        "sequence": sequence,
    }
