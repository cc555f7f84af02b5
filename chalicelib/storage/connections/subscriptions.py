"""Subscriptions to an org's events, in the `connections` table: which events are sent over which connection.

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
    """The events that one connection gets. While it is not live, the events after `since` are still to be sent."""

    connection: Connection
    name: str
    """Unique on its connection."""
    channel: str
    """tasks, agents or projects; stored as `topic`."""
    filters: Mapping[str, Any]
    since: int
    live: bool = False


def feed_name(org: str) -> str:
    """The name of the feed of an org's events; the feed of its tasks' updates has the org's own name."""
    return f"{org}#facts"


def _key(org: str, connection_id: str, name: str) -> ConnectionsTable:
    return ConnectionsTable(connections.audience_key(feed_name(org)), f"{connection_id}#{name}")


def put_write(subscription: Subscription) -> Write:
    """The write that creates a subscription, or replaces the one of the same name on its connection."""
    connection = subscription.connection
    item = _key(connection.org, connection.id, subscription.name)
    item.channel, item.subject, item.role = connection.channel, connection.subject, connection.role
    item.session, item.api_key, item.scope = connection.session, connection.key, connection.scope
    item.topic, item.filters = subscription.channel, dict(subscription.filters)
    item.since, item.live = subscription.since, False
    item.expires_at = clock.now() // clock.SECOND + connections.CONNECTION_KEPT_S
    return dynamodb.put(item, connections.any_state_condition())


def delete_write(org: str, connection_id: str, name: str) -> Write:
    """The write that deletes a subscription, if it exists."""
    return dynamodb.delete(_key(org, connection_id, name), connections.any_state_condition())


def set_live_write(subscription: Subscription) -> Write:
    """The write that makes a subscription live; refused when it has ended or was replaced."""
    connection = subscription.connection
    key = _key(connection.org, connection.id, subscription.name)
    return dynamodb.update(key, [ConnectionsTable.live.set(True)], ConnectionsTable.since == subscription.since)


def find(org: str, connection_id: str, name: str) -> Subscription | None:
    """One subscription as of now, or None."""
    key = _key(org, connection_id, name)
    with dynamodb.reading():
        try:
            return _parse(org, ConnectionsTable.get(key.key, key.sort, consistent_read=True))
        except ConnectionsTable.DoesNotExist:
            return None


def find_by_connection(org: str, connection_id: str) -> list[Subscription]:
    """The subscriptions of one connection, as of now."""
    return _query(org, f"{connection_id}#")


def find_by_org(org: str) -> list[Subscription]:
    """All subscriptions to an org's events, as of now; one call for each megabyte."""
    return _query(org, None)


def _query(org: str, prefix: str | None) -> list[Subscription]:
    span = ConnectionsTable.sort.startswith(prefix) if prefix is not None else None
    with dynamodb.reading():
        items = ConnectionsTable.query(connections.audience_key(feed_name(org)), span, consistent_read=True)
        return [_parse(org, item) for item in items]


def _parse(org: str, item: ConnectionsTable) -> Subscription:
    connection_id, _, name = item.sort.partition("#")
    connection = Connection(connection_id, org, item.channel or "", None, None, *connections.opener_fields(item))
    since = int(item.since or 0)
    return Subscription(connection, name, item.topic or "", item.filters or {}, since, bool(item.live))
