"""The task feed: each change of an org's tasks gets the next number and is sent to the connections that watch the org.

One function at a time numbers an org's changes (its messages share a FIFO group), and only while a connection watches
or did so within the last day. A watcher that comes back with the last number that it got is sent what it missed."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.domain.changes.effects import TaskUpdate
from chalicelib.engine.changes import queue_messages
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.live import frames
from chalicelib.engine.live.frames import Frame
from chalicelib.errors import InvalidRequest, Unavailable
from chalicelib.storage.aws import dynamodb, websocket_api
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.aws.websocket_api import ConnectionGone
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import Connection, Head, Watcher

KEPT_MS = clock.DAY
"""How long updates are kept for a watcher that comes back, and numbered after the last one has left."""
MAX_CATCH_UP = 5_000
"""A watcher that missed more updates gets a reset: it must read the tasks again."""
FRAMES_PER_STEP = 500
"""How many frames are sent to a watcher that catches up before its position is stored."""
MAX_OCCASION_CHARS = 16
THREADS = 16


class FrameBuilder(NamedTuple):
    """Builds the frames of one channel."""

    update: Callable[[int, Mapping[str, Any]], Frame]
    """From a sequence and an update's fields."""
    reset: Callable[[int], Frame]
    """From the latest sequence: the watcher missed updates before it that are no longer kept."""
    watching: Callable[[int], Frame]
    """From the latest sequence: the watcher has got every update up to it, and will get the further ones."""


FrameBuilders = Mapping[str, FrameBuilder]
"""By channel."""


def watch(connection: Connection, since: int | None) -> None:
    """Add a watcher: it gets every change after the sequence `since`, or from now on.

    Raises InvalidRequest for a sequence that is not in use yet.
    """
    head = open_feed(connection.org)
    if since is not None and since > head.sequence:
        raise InvalidRequest(
            f"since: must be at most {head.sequence}, the latest sequence, got {since}",
            fields={"since": f"must be at most {head.sequence}"},
        )
    start = head.sequence if since is None else since
    with suppress(ConditionFailed):  # API Gateway reported the connection twice
        dynamodb.commit(connections.create_write(connection), connections.add_watcher_write(connection, start))
    queue_messages.enqueue_catch_up(connection.org, connection.id)


def open_feed(org: str) -> Head:
    """The head of the feed, which is created if needed and kept for another day."""
    until = clock.now() + KEPT_MS

    def attempt() -> Head:
        head = connections.find_head(org)
        if head is not None and head.kept_until >= until - KEPT_MS // 2:
            return head
        with suppress(ConditionFailed):
            dynamodb.commit(_open_write(org, head, until))
        raise StaleRead  # the head is read again, whichever function has written it

    return optimistic.retry(attempt, message="Too many watchers come at once; try again")


def _open_write(org: str, head: Head | None, until: int) -> Write:
    if head is None:
        return connections.create_feed_write(org, until)
    if head.kept_until < clock.now():
        return connections.reopen_feed_write(org, until, clock.now())
    return connections.extend_feed_write(org, until)


def leave(connection: Connection) -> None:
    """Remove a watcher whose connection has ended."""
    remove_write = connections.remove_watcher_write(connection.org, connection.id)
    dynamodb.commit(connections.delete_write(connection.id), remove_write)


def send_updates(org: str, occasion: str, updates: Sequence[TaskUpdate], frame_builders: FrameBuilders) -> None:
    """Number the updates and send them to the org's watchers. Nothing happens when the org had no watcher for a day.

    The same occasion again gives the same numbers, and sends the updates again.
    """
    entries = [asdict(update) for update in updates]
    numbered_from = number_entries(org, occasion, entries)
    if numbered_from is None:
        return
    head, first = numbered_from
    live = [watcher for watcher in connections.find_watchers(org) if watcher.live]
    extend_feed(org, head, watched=bool(live))
    numbered = list(enumerate(entries, first))
    texts = {
        channel: [frames.encode(frame_builders[channel].update(*entry)) for entry in numbered]
        for channel in {watcher.channel for watcher in live}
    }
    # A redelivered occasion may be older than a watcher's start: the watcher does not get its updates.
    skipped = {watcher.id: max(0, watcher.since + 1 - first) for watcher in live}
    run_in_threads([partial(_send, org, each, texts[each.channel][skipped[each.id] :]) for each in live])


def number_entries(feed: str, occasion: str, entries: Sequence[Mapping[str, Any]]) -> tuple[Head, int] | None:
    """Append entries to a feed. Returns its head before that and the first entry's number; None when nobody watched it
    for a day.

    The same occasion again gives the same numbers. Raises Unavailable when another function appends at the same time.
    """
    head, occasion = connections.find_head(feed), occasion[:MAX_OCCASION_CHARS]
    if head is None or head.kept_until < clock.now():
        return None
    return head, head.recent.get(occasion) or _append(feed, head, occasion, entries)


def _append(feed: str, head: Head, occasion: str, entries: Sequence[Mapping[str, Any]]) -> int:
    expires_at_s = (clock.now() + KEPT_MS) // clock.SECOND
    try:
        dynamodb.commit(*connections.append_writes(feed, head, occasion, entries, expires_at_s))
    except ConditionFailed:
        raise Unavailable("Another function numbers this org's updates; the message comes again") from None
    return head.sequence + 1


def extend_feed(org: str, head: Head, *, watched: bool) -> None:
    """Keep the feed for another day if it is watched. No call while it is kept for half a day or more."""
    if watched and head.kept_until < clock.now() + KEPT_MS // 2:
        with suppress(ConditionFailed):
            dynamodb.commit(connections.extend_feed_write(org, clock.now() + KEPT_MS))


def catch_up(org: str, connection_id: str, frame_builders: FrameBuilders) -> None:
    """Send a new watcher the updates since its start; from then on it gets every update. This is handled in order with
    the org's updates, so that the watcher misses none."""
    watcher, head = connections.find_watcher(org, connection_id), connections.find_head(org)
    if watcher is None or watcher.live or head is None:
        return
    with suppress(ConditionFailed):  # it has left meanwhile
        if _send_missed(org, watcher, head, frame_builders[watcher.channel]):
            dynamodb.commit(connections.set_watcher_live_write(org, connection_id))


def _send_missed(org: str, watcher: Watcher, head: Head, builder: FrameBuilder) -> bool:
    """Send a watcher the updates that it missed, or a reset when they are not kept any more. False when it is gone."""
    missed = head.sequence - watcher.since
    entries = list(connections.read_entries(org, watcher.since, head.sequence)) if 0 < missed <= MAX_CATCH_UP else []
    is_complete = len(entries) == missed
    to_send = [builder.update(*entry) for entry in entries] if is_complete else [builder.reset(head.sequence)]
    texts = [frames.encode(frame) for frame in [*to_send, builder.watching(head.sequence)]]
    for start in range(0, len(texts), FRAMES_PER_STEP):
        if start:
            dynamodb.commit(connections.save_position_write(org, watcher.id, watcher.since + start))
        if not _send(org, watcher, texts[start : start + FRAMES_PER_STEP], patient=True):
            return False
    return True


def _send(org: str, watcher: Watcher, texts: Sequence[str], *, patient: bool = False) -> bool:
    """Send a watcher its frames. False when its connection is gone: the watcher is removed.

    A connection that cannot be sent to is closed: the client comes back with the last sequence that it got. Raises
    Unavailable when API Gateway does not close it either.
    """
    try:
        for text in texts:
            frames.post(watcher.id, text, patient=patient)
    except ConnectionGone:
        leave(Connection(watcher.id, org, watcher.channel))
    except Unavailable:
        websocket_api.close(watcher.id)
        leave(Connection(watcher.id, org, watcher.channel))
    else:
        return True
    return False


def run_in_threads(actions: Sequence[Callable[[], object]]) -> None:
    """Run the actions in threads, so that a slow one does not delay the others. Raises what one of them raised."""
    if actions:
        with ThreadPoolExecutor(min(THREADS, len(actions))) as threads:
            list(threads.map(lambda action: action(), actions))
