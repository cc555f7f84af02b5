"""The `connections` table: who is connected by WebSocket, and the feed of changes that watchers are told.

connection#<id>  what one connection is for, found by its id alone
audience#<org>   the connections that watch an org's tasks
feed#<org>       the org's feed: `head`, with the sequence given out last, and one row for each update
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib import clock
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Item, Write
from chalicelib.storage.tasks.table import CompactJson

HEAD = "head"
ALONE = "-"
KEPT_SECONDS = 3 * 3600
"""How long a connection is known whose end nobody told: API Gateway ends every one after two hours."""
REMEMBERED = 20
"""How many occasions a feed remembers: more than one function is given at once, so that those it is given again
are known."""


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
    """One open WebSocket: whose, on which API's channel, and which worker it is, if it is one."""

    id: str
    org: str
    channel: str
    pool: str | None = None
    worker_id: str | None = None
    subject: str | None = None  # who opened it, in which role,
    role: str | None = None
    session: str | None = None  # by which session or API key,
    key: str | None = None
    scope: str | None = None  # limited to which permissions, with spaces between them


class Watcher(NamedTuple):
    """A connection that watches an org's tasks; until it is live, it is still told what came after `since`."""

    id: str
    channel: str
    live: bool
    since: int


class Head(NamedTuple):
    """Where an org's feed stands: the sequence given out last, and until when it is kept."""

    sequence: int
    until: int
    recent: Mapping[str, int]
    """Latest occasions that were given sequences -> the first of them, in order."""


def opened(connection: Connection) -> Write:
    """The write that makes a connection findable by its id."""
    item = ConnectionsTable(
        _connection_key(connection.id),
        ALONE,
        org=connection.org,
        channel=connection.channel,
        pool=connection.pool,
        worker_id=connection.worker_id,
        subject=connection.subject,
        role=connection.role,
        session=connection.session,
        api_key=connection.key,
        scope=connection.scope,
        expires_at=_expiry(),
    )
    return dynamodb.put(item, ConnectionsTable.key.does_not_exist())


def find(connection_id: str) -> Connection | None:
    """What a connection is for, as of now, or None."""
    item = _get(_connection_key(connection_id), ALONE)
    if item is None or item.org is None or item.channel is None:
        return None
    return Connection(connection_id, item.org, item.channel, item.pool, item.worker_id, *who(item))


def who(item: ConnectionsTable) -> tuple[str | None, ...]:
    """Who opened a connection, as its last fields have it."""
    return item.subject, item.role, item.session, item.api_key, item.scope


def closed(connection_id: str) -> Write:
    """The write that forgets a connection."""
    return dynamodb.delete(ConnectionsTable(_connection_key(connection_id), ALONE), whatever())


def joined(connection: Connection, since: int) -> Write:
    """The write that puts a connection among its org's watchers, not live yet."""
    item = ConnectionsTable(
        audience_key(connection.org),
        connection.id,
        channel=connection.channel,
        live=False,
        since=since,
        expires_at=_expiry(),
    )
    return dynamodb.put(item, ConnectionsTable.key.does_not_exist())


def left(org: str, connection_id: str) -> Write:
    """The write that takes a connection out of its org's watchers."""
    return dynamodb.delete(ConnectionsTable(audience_key(org), connection_id), whatever())


def went_live(org: str, connection_id: str) -> Write:
    """The write that lets a watcher be told from now on, refused when it has left."""
    key = ConnectionsTable(audience_key(org), connection_id)
    return dynamodb.update(key, [ConnectionsTable.live.set(True)], ConnectionsTable.key.exists())


def caught_up(org: str, connection_id: str, to: int) -> Write:
    """The write that notes how far a watcher has been told, refused when it has left."""
    key = ConnectionsTable(audience_key(org), connection_id)
    return dynamodb.update(key, [ConnectionsTable.since.set(to)], ConnectionsTable.key.exists())


def watchers(org: str) -> list[Watcher]:
    """The connections that watch an org's tasks, as of now."""
    with dynamodb.reading():
        found = ConnectionsTable.query(audience_key(org), consistent_read=True)
        return [Watcher(item.sort, item.channel or "", bool(item.live), int(item.since or 0)) for item in found]


def watcher(org: str, connection_id: str) -> Watcher | None:
    """One of an org's watchers, as of now, or None."""
    item = _get(audience_key(org), connection_id)
    return None if item is None else Watcher(item.sort, item.channel or "", bool(item.live), int(item.since or 0))


def head(org: str) -> Head | None:
    """Where the org's feed stands, as of now; None when nobody ever watched, or not for long."""
    item = _get(_feed_key(org), HEAD)
    if item is None:
        return None
    return Head(int(item.sequence or 0), int(item.until or 0), item.recent or {})


def feed_begun(org: str, until: int) -> Write:
    """The write of a feed's first head."""
    item = ConnectionsTable(_feed_key(org), HEAD, sequence=0, until=until)
    return dynamodb.put(item, ConnectionsTable.key.does_not_exist())


def feed_kept(org: str, until: int) -> Write:
    """The write that lets a feed be kept until then at least."""
    longer = ConnectionsTable.until < until
    return dynamodb.update(ConnectionsTable(_feed_key(org), HEAD), [ConnectionsTable.until.set(until)], longer)


def feed_reopened(org: str, until: int, now: int) -> Write:
    """The write that keeps a feed again that was not kept any more: one sequence stays empty, so that whoever saw the
    last one before it knows that there is a gap."""
    actions = [ConnectionsTable.until.set(until), ConnectionsTable.sequence.add(1)]
    return dynamodb.update(ConnectionsTable(_feed_key(org), HEAD), actions, ConnectionsTable.until < now)


def fed(org: str, before: Head, occasion: str, updates: Sequence[Mapping[str, Any]], expires_at: int) -> list[Write]:
    """The writes that give updates the next sequences, on the condition that nobody did so since `before` was read."""
    first = before.sequence + 1
    recent = dict([*before.recent.items(), (occasion, first)][-REMEMBERED:])
    actions = [ConnectionsTable.sequence.set(before.sequence + len(updates)), ConnectionsTable.recent.set(recent)]
    moved = dynamodb.update(
        ConnectionsTable(_feed_key(org), HEAD), actions, ConnectionsTable.sequence == before.sequence
    )
    rows = [
        dynamodb.put(
            ConnectionsTable(_feed_key(org), _place(number), entry=dict(update), expires_at=expires_at),
            ConnectionsTable.key.does_not_exist(),
        )
        for number, update in enumerate(updates, first)
    ]
    return [moved, *rows]


def feed(org: str, after: int, to: int | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """(sequence, update) of the feed's entries after `after`, up to and with `to`, in order; read page by page."""
    # "head" sorts behind every number.
    last = _place(to) if to is not None else HEAD
    span = ConnectionsTable.sort.between(_place(after + 1), last)
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


def whatever() -> Condition:
    """The condition of a write that may find anything, or nothing, in its place."""
    anything: Condition = ConnectionsTable.key.exists() | ConnectionsTable.key.does_not_exist()
    return anything


def _expiry() -> int:
    return clock.now() // clock.SECOND + KEPT_SECONDS


def _place(sequence: int) -> str:
    return f"{sequence:016d}"


def _connection_key(connection_id: str) -> str:
    return f"connection#{connection_id}"


def audience_key(org: str) -> str:
    """Partition of those who are told what stands in a feed."""
    return f"audience#{org}"


def _feed_key(org: str) -> str:
    return f"feed#{org}"
