"""The live feed of an org: what happened, numbered and sent to whoever is connected and subscribed to it.

It works as the watching of tasks does (engine.live), on a feed of its own, with this on top: each connection says which
facts it wants, and whoever opened it must still be allowed to see them when they are sent. All of an org's facts and
new subscriptions pass through one FIFO group, so that nothing falls in between.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

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
"""Whether whoever opened a connection may see, at this moment, the facts of a channel."""
MAX_SUBSCRIPTIONS = 20
"""On one connection."""
MAX_CATCH_UP = 1_000
"""A subscriber that missed more is told to begin anew."""
CHANNELS = {"task": "tasks", "comment": "tasks", "agent": "agents", "project": "projects"}
"""First word of a topic -> the channel whose subscribers are told."""


def open_connection(found: Connection) -> None:
    """Let a connection in; it is told nothing until it subscribes."""
    with suppress(ConditionFailed):  # the same event came twice
        dynamodb.commit(connections.create_write(found))


def subscribe(found: Connection, name: str, topic: str, filters: Mapping[str, Any], since: int | None) -> None:
    """Begin a subscription: it is told every fact after the number `since`, or from now on.

    Raises InvalidRequest for a number that was not given out yet, Conflict for one subscription too many.
    """
    head = task_feed.open_feed(feed_name(found.org))
    if since is not None and since > head.sequence:
        what = f"must be at most {head.sequence}, the latest sequence"
        raise InvalidRequest(f"since: {what}, got {since}", fields={"since": what})
    others = {one.name for one in storage.find_by_connection(found.org, found.id)} - {name}
    if len(others) >= MAX_SUBSCRIPTIONS:
        raise Conflict(f"A connection has at most {MAX_SUBSCRIPTIONS} subscriptions: end one, or open another")
    start = head.sequence if since is None else since
    dynamodb.commit(storage.put_write(Subscription(found, name, topic, filters, start)))
    queue_messages.enqueue_subscription_catch_up(found.org, found.id, name)


def unsubscribe(found: Connection, name: str) -> None:
    """End a subscription, if there is one of this name."""
    dynamodb.commit(storage.delete_write(found.org, found.id, name))


def leave(found: Connection) -> None:
    """A connection has ended."""
    for one in storage.find_by_connection(found.org, found.id):
        dynamodb.commit(storage.delete_write(found.org, found.id, one.name))
    dynamodb.commit(connections.delete_write(found.id))


def publish(org: str, occasion: str, facts: Sequence[PublicEvent], may_see: MaySee) -> None:
    """Number the facts and send them to those who subscribed to them; nothing at all when nobody did for a day.

    The same occasion again gives the same numbers, and sends them again.
    """
    entries = [_entry(fact) for fact in facts if _channel_of_topic(fact.topic) is not None]
    found = task_feed.number_entries(feed_name(org), occasion, entries) if entries else None
    if found is None:
        return
    head, first = found
    audience = [one for one in storage.find_by_org(org) if one.live]
    task_feed.extend_feed(feed_name(org), head, watched=bool(audience))
    numbered = list(enumerate(entries, first))
    task_feed.run_in_threads([partial(_send, one, numbered, may_see) for one in audience])


def _channel_of_topic(topic: str) -> str | None:
    return CHANNELS.get(topic.partition(".")[0])


def _entry(fact: PublicEvent) -> dict[str, Any]:
    return {
        "topic": str(fact.topic),
        "at": fact.at,
        "data": dict(fact.data),
        "about": {name: value for name, value in fact.about.items() if value is not None},
    }


def _frame(number: int, entry: Mapping[str, Any], name: str) -> Frame:
    """A fact as a subscriber sees it: every change of a thing is `<thing>.updated`, and `event` tells which it was."""
    topic = entry["topic"]
    kind = topic.partition(".")[0]
    updated = kind in ("task", "project") and topic not in (f"{kind}.created", f"{kind}.deleted")
    return {
        "type": f"{kind}.updated" if updated else topic,
        "channel": CHANNELS[kind],
        "subscription": name,
        "event": topic,
        "sequence": number,
        "timestamp": frames.format_instant(entry["at"]),
        "data": entry["data"],
    }


def _is_wanted(one: Subscription, entry: Mapping[str, Any]) -> bool:
    if _channel_of_topic(entry["topic"]) != one.channel:
        return False
    return all(_matches(entry["about"].get(name), wanted) for name, wanted in one.filters.items())


def _matches(value: Any, wanted: Any) -> bool:
    """Whether a value is the wanted one, or one of those."""
    return value in wanted if isinstance(wanted, list) else value == wanted


def _send(one: Subscription, numbered: Sequence[tuple[int, Mapping[str, Any]]], may_see: MaySee) -> bool:
    """Send a subscriber what it wants of the facts; False when it is not there any more, and is forgotten.

    One to whom nothing can be sent is cut off: it comes back and says how far it was told. One that may not see the
    facts any more is cut off for good.
    """
    wanted = [_frame(number, entry, one.name) for number, entry in numbered if _is_due(one, number, entry)]
    if wanted and not may_see(one.connection, one.channel):
        websocket_api.close(one.connection.id)
        leave(one.connection)
        return False
    return _post_all(one.connection, wanted)


def _is_due(one: Subscription, number: int, entry: Mapping[str, Any]) -> bool:
    return number > one.since and _is_wanted(one, entry)


def _post_all(to: Connection, wanted: Sequence[Frame]) -> bool:
    try:
        for frame in wanted:
            frames.post(to.id, frames.encode(frame))
    except ConnectionGone:
        leave(to)
    except Unavailable:
        websocket_api.close(to.id)
        leave(to)
    else:
        return True
    return False


def catch_up(org: str, connection_id: str, name: str, may_see: MaySee) -> None:
    """Tell a new subscription what came since its start; from then on it gets every fact that it wants. In its turn
    among the facts, so that none falls in between."""
    one, head = storage.find(org, connection_id, name), connections.find_head(feed_name(org))
    if one is None or one.live or head is None:
        return
    missed = head.sequence - one.since
    found = (
        list(connections.read_entries(feed_name(org), one.since, head.sequence)) if 0 < missed <= MAX_CATCH_UP else []
    )
    complete = len(found) == max(0, missed)
    if not _send(one, found if complete else (), may_see):
        return
    with suppress(ConditionFailed):  # it has ended meanwhile, or begun anew
        dynamodb.commit(storage.set_live_write(one))
        _post_all(one.connection, [_subscribed_frame(one, head.sequence, complete=complete)])


def _subscribed_frame(one: Subscription, sequence: int, *, complete: bool) -> Frame:
    said = {"channel": one.channel, "subscription": one.name, "filters": one.filters, "sequence": sequence}
    # What was missed is not kept any more: the client must read anew what it shows.
    return {"type": "subscribed" if complete else "reset", **said}
