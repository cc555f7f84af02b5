"""Watching an org's tasks: every change gets a number, one after the other, and goes to whoever is connected.

An org's changes are numbered by one function at a time (its messages share a FIFO group), and only while somebody
watches or did so within the last day. A watcher that comes back with the last number it saw is told what it missed.
"""

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
"""How long updates are kept for a watcher that comes back, and numbered though nobody watches."""
MAX_CATCH_UP = 5_000
"""A watcher that missed more is told to begin anew."""
FRAMES_PER_STEP = 500
"""How many frames are sent between two notes of how far a watcher has been told."""
MAX_OCCASION_CHARS = 16
THREADS = 16


class FrameBuilder(NamedTuple):
    """How the frames of a channel look."""

    update: Callable[[int, Mapping[str, Any]], Frame]
    """Of a sequence and an update's fields."""
    reset: Callable[[int], Frame]
    """Of the latest sequence: what came before it and was not seen is not kept any more."""
    watching: Callable[[int], Frame]
    """Of the latest sequence: the watcher has been told all up to there, and is told what follows."""


FrameBuilders = Mapping[str, FrameBuilder]
"""Channel -> how its frames look."""


def watch(found: Connection, since: int | None) -> None:
    """A watcher connects: it will be told every change after the sequence `since`, or from now on.

    Raises InvalidRequest for a sequence that was not given out yet.
    """
    head = open_feed(found.org)
    if since is not None and since > head.sequence:
        raise InvalidRequest(
            f"since: must be at most {head.sequence}, the latest sequence, got {since}",
            fields={"since": f"must be at most {head.sequence}"},
        )
    start = head.sequence if since is None else since
    with suppress(ConditionFailed):  # the same event came twice
        dynamodb.commit(connections.create_write(found), connections.add_watcher_write(found, start))
    queue_messages.enqueue_catch_up(found.org, found.id)


def open_feed(org: str) -> Head:
    """A feed's head, begun if it was not, and kept for another day."""
    until = clock.now() + KEPT_MS

    def attempt() -> Head:
        head = connections.find_head(org)
        if head is not None and head.kept_until >= until - KEPT_MS // 2:
            return head
        with suppress(ConditionFailed):
            dynamodb.commit(_open_write(org, head, until))
        raise StaleRead  # the number is read again, whoever has written the head

    return optimistic.retry(attempt, message="Too many watchers come at once; try again")


def _open_write(org: str, head: Head | None, until: int) -> Write:
    if head is None:
        return connections.create_feed_write(org, until)
    if head.kept_until < clock.now():
        return connections.reopen_feed_write(org, until, clock.now())
    return connections.extend_feed_write(org, until)


def leave(found: Connection) -> None:
    """A watcher's connection has ended."""
    dynamodb.commit(connections.delete_write(found.id), connections.remove_watcher_write(found.org, found.id))


def send_updates(org: str, occasion: str, updates: Sequence[TaskUpdate], frame_builders: FrameBuilders) -> None:
    """Number the updates and send them to everybody who watches; nothing at all when nobody did for a day.

    The same occasion again gives the same numbers, and sends them again.
    """
    entries = [asdict(update) for update in updates]
    found = number_entries(org, occasion, entries)
    if found is None:
        return
    head, first = found
    live = [one for one in connections.find_watchers(org) if one.live]
    extend_feed(org, head, watched=bool(live))
    numbered = list(enumerate(entries, first))
    words = {
        channel: [frames.encode(frame_builders[channel].update(*one)) for one in numbered]
        for channel in {watcher.channel for watcher in live}
    }
    # What was numbered before a watcher's start may be told again: it is not for that one.
    known = {watcher.id: max(0, watcher.since + 1 - first) for watcher in live}
    run_in_threads([partial(_send, org, one, words[one.channel][known[one.id] :]) for one in live])


def number_entries(feed: str, occasion: str, entries: Sequence[Mapping[str, Any]]) -> tuple[Head, int] | None:
    """Write entries down in a feed: its head before, and the first one's number. None when nobody watched it for a day.

    The same occasion again gives the same numbers. Raises Unavailable when another function numbers at once.
    """
    head, occasion = connections.find_head(feed), occasion[:MAX_OCCASION_CHARS]
    if head is None or head.kept_until < clock.now():
        return None
    return head, head.recent.get(occasion) or _append(feed, head, occasion, entries)


def _append(feed: str, head: Head, occasion: str, entries: Sequence[Mapping[str, Any]]) -> int:
    expires_at = (clock.now() + KEPT_MS) // clock.SECOND
    try:
        dynamodb.commit(*connections.append_writes(feed, head, occasion, entries, expires_at))
    except ConditionFailed:
        raise Unavailable("Another function numbers this org's updates; this one comes again") from None
    return head.sequence + 1


def extend_feed(org: str, head: Head, *, watched: bool) -> None:
    """While anybody watches, the feed is kept."""
    if watched and head.kept_until < clock.now() + KEPT_MS // 2:
        with suppress(ConditionFailed):
            dynamodb.commit(connections.extend_feed_write(org, clock.now() + KEPT_MS))


def catch_up(org: str, connection_id: str, frame_builders: FrameBuilders) -> None:
    """Tell a new watcher what came since its start; from then on it gets every update. In its turn among the updates,
    so that none falls in between."""
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


def _send(org: str, watcher: Watcher, words: Sequence[str], *, patient: bool = False) -> bool:
    """Send a watcher its frames; False when it is not there any more, and is forgotten.

    One to whom nothing can be sent is cut off: it comes back and says how far it was told. Raises Unavailable when
    the gateway does not even do that.
    """
    try:
        for one in words:
            frames.post(watcher.id, one, patient=patient)
    except ConnectionGone:
        leave(Connection(watcher.id, org, watcher.channel))
    except Unavailable:
        websocket_api.close(watcher.id)
        leave(Connection(watcher.id, org, watcher.channel))
    else:
        return True
    return False


def run_in_threads(jobs: Sequence[Callable[[], object]]) -> None:
    """Run the jobs in threads, so that a slow one keeps only itself waiting; raises what one of them raised."""
    if jobs:
        with ThreadPoolExecutor(min(THREADS, len(jobs))) as threads:
            list(threads.map(lambda job: job(), jobs))
