"""Subscriptions to an org's facts, in the `connections` table: who is told what, over which connection.

audience#<org>#facts   one row for each subscription: `<connection>#<its name>`
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import Connection, ConnectionsTable


class Subscription(NamedTuple):
    """What one connection wants to be told; until it is live, it is still told what came after `since`."""

    connection: Connection
    name: str
    """Unique on its connection."""
    topic: str
    """The channel that was subscribed to: tasks, agents, projects."""
    filters: Mapping[str, Any]
    since: int
    live: bool = False


def feed_of(org: str) -> str:
    """The name of the feed that an org's facts stand in, beside that of its tasks' updates."""
    return f"{org}#facts"


def _key(org: str, connection_id: str, name: str) -> ConnectionsTable:
    return ConnectionsTable(connections.audience_key(feed_of(org)), f"{connection_id}#{name}")


def subscribed(subscription: Subscription) -> Write:
    """The write of a subscription, in the place of one of the same name on its connection."""
    found = subscription.connection
    item = _key(found.org, found.id, subscription.name)
    item.channel, item.subject, item.role = found.channel, found.subject, found.role
    item.session, item.api_key, item.scope = found.session, found.key, found.scope
    item.topic, item.filters = subscription.topic, dict(subscription.filters)
    item.since, item.live, item.expires_at = subscription.since, False, clock.now() // 1000 + connections.KEPT_SECONDS
    return dynamodb.put(item, connections.whatever())


def unsubscribed(org: str, connection_id: str, name: str) -> Write:
    """The write that ends a subscription."""
    return dynamodb.delete(_key(org, connection_id, name), connections.whatever())


def went_live(subscription: Subscription) -> Write:
    """The write that lets a subscription be told from now on, refused when it has ended or begun anew."""
    found = subscription.connection
    key = _key(found.org, found.id, subscription.name)
    return dynamodb.update(key, [ConnectionsTable.live.set(True)], ConnectionsTable.since == subscription.since)


def find(org: str, connection_id: str, name: str) -> Subscription | None:
    """One subscription as of now, or None."""
    key = _key(org, connection_id, name)
    with dynamodb.reading():
        try:
            return _parse(org, ConnectionsTable.get(key.key, key.sort, consistent_read=True))
        except ConnectionsTable.DoesNotExist:
            return None


def of_connection(org: str, connection_id: str) -> list[Subscription]:
    """The subscriptions of one connection, as of now."""
    return _queried(org, f"{connection_id}#")


def of_org(org: str) -> list[Subscription]:
    """All subscriptions to an org's facts, as of now; one call for each megabyte."""
    return _queried(org, None)


def _queried(org: str, beginning: str | None) -> list[Subscription]:
    span = ConnectionsTable.sort.startswith(beginning) if beginning is not None else None
    with dynamodb.reading():
        found = ConnectionsTable.query(connections.audience_key(feed_of(org)), span, consistent_read=True)
        return [_parse(org, item) for item in found]


def _parse(org: str, item: ConnectionsTable) -> Subscription:
    connection_id, _, name = item.sort.partition("#")
    connection = Connection(connection_id, org, item.channel or "", None, None, *connections.who(item))
    since = int(item.since or 0)
    return Subscription(connection, name, item.topic or "", item.filters or {}, since, bool(item.live))
