"""The `connections` table: open WebSockets, the watchers of each org's tasks, and the feeds of updates sent to them.

connection#<id>  one connection, found by its id alone
audience#<org>   the connections that watch an org's tasks
feed#<org>       the org's feed: `head`, with the latest sequence, and one row for each update
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib import clock
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.columns import CompactJson
from chalicelib.storage.aws.dynamodb import Item, Write

HEAD = "head"
ONLY_ROW = "-"
CONNECTION_KEPT_S = 3 * 3600
"""Seconds after which a connection's item expires if its end was not reported. API Gateway closes every connection
after two hours."""
MAX_RECENT_OCCASIONS = 20
"""How many occasions a feed keeps, so that a redelivered message finds the sequences that it was given. More than one
function handles at once."""


class ConnectionsTable(Item):
    class Meta:
        setting = "connections_table"
        ttl = "expires_at"

    key = UnicodeAttribute(hash_key=True)
    sort = UnicodeAttribute(range_key=True)
    org = UnicodeAttribute(null=True)
    channel = UnicodeAttribute(null=True)
    pool = UnicodeAttribute(null=True)
    worker_id = UnicodeAttribute(null=True)
    subject = UnicodeAttribute(null=True)
    role = UnicodeAttribute(null=True)
    session = UnicodeAttribute(null=True)
    api_key = UnicodeAttribute(null=True)
    scope = UnicodeAttribute(null=True)
    topic = UnicodeAttribute(null=True)
    filters = CompactJson(null=True)
    live = BooleanAttribute(null=True)
    since = NumberAttribute(null=True)
    sequence = NumberAttribute(null=True)
    until = NumberAttribute(null=True)
    recent = CompactJson(null=True)
    entry = CompactJson(null=True)
    expires_at = NumberAttribute(null=True)


class Connection(NamedTuple):
    """One open WebSocket: its org, its API's channel, and the worker that opened it, if a worker did."""

    id: str
    org: str
    channel: str
    pool: str | None = None
    worker_id: str | None = None
    subject: str | None = None  # the user who opened it
    role: str | None = None
    session: str | None = None  # id of the user's session, or
    key: str | None = None  # id of the API key
    scope: str | None = None  # the only permissions it may use, separated by spaces; None: all of the user's


class Watcher(NamedTuple):
    """A connection that watches an org's tasks. While it is not live, updates after `since` are still to be sent."""

    id: str
    channel: str
    live: bool
    since: int


class Head(NamedTuple):
    """The state of a feed: the latest sequence, and until when (epoch milliseconds) updates are numbered and kept."""

    sequence: int
    kept_until: int
    recent: Mapping[str, int]
    """The latest occasions, oldest first -> the first sequence of each."""


def create_write(connection: Connection) -> Write:
    """The write that creates a connection; refused when it exists."""
    item = ConnectionsTable(
        _connection_key(connection.id),
        ONLY_ROW,
        org=connection.org,
        channel=connection.channel,
        pool=connection.pool,
        worker_id=connection.worker_id,
        subject=connection.subject,
        role=connection.role,
        session=connection.session,
        api_key=connection.key,
        scope=connection.scope,
        expires_at=_expires_at_s(),
    )
    return dynamodb.put(item, ConnectionsTable.key.does_not_exist())


def find(connection_id: str) -> Connection | None:
    """The connection as of now, or None."""
    item = _get(_connection_key(connection_id), ONLY_ROW)
    if item is None or item.org is None or item.channel is None:
        return None
    return Connection(connection_id, item.org, item.channel, item.pool, item.worker_id, *opener_fields(item))


def opener_fields(item: ConnectionsTable) -> tuple[str | None, ...]:
    """The values of the last fields of Connection, from `subject` on."""
    return item.subject, item.role, item.session, item.api_key, item.scope


def delete_write(connection_id: str) -> Write:
    """The write that deletes a connection, if it exists."""
    return dynamodb.delete(ConnectionsTable(_connection_key(connection_id), ONLY_ROW), any_state_condition())


def add_watcher_write(connection: Connection, since: int) -> Write:
    """The write that adds a connection to its org's watchers, not live yet; refused when it is one."""
    item = ConnectionsTable(
        audience_key(connection.org),
        connection.id,
        channel=connection.channel,
        live=False,
        since=since,
        expires_at=_expires_at_s(),
    )
    return dynamodb.put(item, ConnectionsTable.key.does_not_exist())


def remove_watcher_write(org: str, connection_id: str) -> Write:
    """The write that removes a connection from its org's watchers, if it is one."""
    return dynamodb.delete(ConnectionsTable(audience_key(org), connection_id), any_state_condition())


def set_watcher_live_write(org: str, connection_id: str) -> Write:
    """The write that makes a watcher live, so that it gets every further update; refused when it has left."""
    key = ConnectionsTable(audience_key(org), connection_id)
    return dynamodb.update(key, [ConnectionsTable.live.set(True)], ConnectionsTable.key.exists())


def save_position_write(org: str, connection_id: str, sequence: int) -> Write:
    """The write that stores the last sequence sent to a watcher; refused when it has left."""
    key = ConnectionsTable(audience_key(org), connection_id)
    return dynamodb.update(key, [ConnectionsTable.since.set(sequence)], ConnectionsTable.key.exists())


def find_watchers(org: str) -> list[Watcher]:
    """The connections that watch an org's tasks, as of now."""
    with dynamodb.reading():
        items = ConnectionsTable.query(audience_key(org), consistent_read=True)
        return [Watcher(item.sort, item.channel or "", bool(item.live), int(item.since or 0)) for item in items]


def find_watcher(org: str, connection_id: str) -> Watcher | None:
    """One of an org's watchers, as of now, or None."""
    item = _get(audience_key(org), connection_id)
    return None if item is None else Watcher(item.sort, item.channel or "", bool(item.live), int(item.since or 0))


def find_head(org: str) -> Head | None:
    """The state of the org's feed as of now; None when it has none, because nobody ever watched."""
    item = _get(_feed_key(org), HEAD)
    if item is None:
        return None
    return Head(int(item.sequence or 0), int(item.until or 0), item.recent or {})


def create_feed_write(org: str, until: int) -> Write:
    """The write that creates a feed; refused when it exists."""
    item = ConnectionsTable(_feed_key(org), HEAD, sequence=0, until=until)
    return dynamodb.put(item, ConnectionsTable.key.does_not_exist())


def extend_feed_write(org: str, until: int) -> Write:
    """The write that keeps a feed until `until`; refused when it is kept longer already."""
    is_longer = ConnectionsTable.until < until
    return dynamodb.update(ConnectionsTable(_feed_key(org), HEAD), [ConnectionsTable.until.set(until)], is_longer)


def reopen_feed_write(org: str, until: int, now: int) -> Write:
    """The write that keeps a feed again whose time was over. One sequence stays unused, so that a watcher that returns
    with the sequence before it is told of the gap."""
    actions = [ConnectionsTable.until.set(until), ConnectionsTable.sequence.add(1)]
    return dynamodb.update(ConnectionsTable(_feed_key(org), HEAD), actions, ConnectionsTable.until < now)


def append_writes(
    org: str, before: Head, occasion: str, updates: Sequence[Mapping[str, Any]], expires_at_s: int
) -> list[Write]:
    """The writes that append updates under the next sequences; refused when the feed grew since `before` was read."""
    first = before.sequence + 1
    recent = dict([*before.recent.items(), (occasion, first)][-MAX_RECENT_OCCASIONS:])
    actions = [ConnectionsTable.sequence.set(before.sequence + len(updates)), ConnectionsTable.recent.set(recent)]
    head_write = dynamodb.update(
        ConnectionsTable(_feed_key(org), HEAD), actions, ConnectionsTable.sequence == before.sequence
    )
    rows = [
        dynamodb.put(
            ConnectionsTable(_feed_key(org), _sort_key(number), entry=dict(update), expires_at=expires_at_s),
            ConnectionsTable.key.does_not_exist(),
        )
        for number, update in enumerate(updates, first)
    ]
    return [head_write, *rows]


def read_entries(org: str, after: int, to: int | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """(sequence, update) of the feed's entries after `after`, up to and including `to`, in order; read page by page."""
    # "head" sorts behind every number.
    last = _sort_key(to) if to is not None else HEAD
    span = ConnectionsTable.sort.between(_sort_key(after + 1), last)
    with dynamodb.reading():
        for item in ConnectionsTable.query(_feed_key(org), span, consistent_read=True):
            if item.sort != HEAD and item.entry is not None:
                yield int(item.sort), item.entry


def _get(key: str, sort: str) -> ConnectionsTable | None:
    with dynamodb.reading():
        try:
            return ConnectionsTable.get(key, sort, consistent_read=True)
        except ConnectionsTable.DoesNotExist:
            return None


def any_state_condition() -> Condition:
    """A condition that always holds, for a write that does not depend on the item's state."""
    always: Condition = ConnectionsTable.key.exists() | ConnectionsTable.key.does_not_exist()
    return always


def _expires_at_s() -> int:
    return clock.now() // clock.SECOND + CONNECTION_KEPT_S


def _sort_key(sequence: int) -> str:
    return f"{sequence:016d}"


def _connection_key(connection_id: str) -> str:
    return f"connection#{connection_id}"


def audience_key(org: str) -> str:
    """The partition key of those who are sent a feed's entries."""
    return f"audience#{org}"


def _feed_key(org: str) -> str:
    return f"feed#{org}"
