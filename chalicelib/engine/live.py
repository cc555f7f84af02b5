"""Watching an org's tasks: every change gets a number, one after the other, and goes to whoever is connected.

An org's changes are numbered by one function at a time (its messages share a FIFO group), and only while somebody
watches or did so within the last day. A watcher that comes back with the last number it saw is told what it missed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.domain.effects import Update
from chalicelib.engine import messages
from chalicelib.errors import InvalidRequest, Unavailable
from chalicelib.storage import base, connections, sockets
from chalicelib.storage.base import Refused, Write
from chalicelib.storage.connections import Connection, Head, Watcher
from chalicelib.storage.sockets import Gone

KEPT_MS = clock.DAY
"""How long updates are kept for a watcher that comes back, and numbered though nobody watches."""
CONNECTION_KEPT_SECONDS = 3 * 3600
LONGEST_CATCH_UP = 5_000
"""A watcher that missed more is told to begin anew."""
THREADS = 16
TRIES = 8

Frame = Mapping[str, Any]


class Voice(NamedTuple):
    """How the frames of a channel look."""

    update: Callable[[int, Mapping[str, Any]], Frame]
    """Of a sequence and an update's fields."""
    reset: Callable[[int], Frame]
    """Of the latest sequence: what came before it and was not seen is not kept any more."""


Voices = Mapping[str, Voice]
"""Channel -> how its frames look."""


def watch(found: Connection, since: int | None) -> None:
    """A watcher connects: it will be told every change after the sequence `since`, or from now on.

    Raises InvalidRequest for a sequence that was not given out yet.
    """
    head = _opened(found.org)
    if since is not None and since > head.sequence:
        raise InvalidRequest(
            f"since: must be at most {head.sequence}, the latest sequence, got {since}",
            fields={"since": f"must be at most {head.sequence}"},
        )
    expires_at = clock.now() // clock.SECOND + CONNECTION_KEPT_SECONDS
    start = head.sequence if since is None else since
    with suppress(Refused):  # the same event came twice
        base.commit(connections.opened(found, expires_at), connections.joined(found, start, expires_at))
    messages.catch_up(found.org, found.id)


def _opened(org: str) -> Head:
    """The org's feed, begun if it was not, and kept for another day."""
    until = clock.now() + KEPT_MS
    for _ in range(TRIES):
        head = connections.head(org)
        with suppress(Refused):
            if head is not None and head.until >= until - KEPT_MS // 2:
                return head
            base.commit(_opening(org, head, until))
    raise Unavailable("Too many watchers come at once; try again")


def _opening(org: str, head: Head | None, until: int) -> Write:
    if head is None:
        return connections.feed_begun(org, until)
    if head.until < clock.now():
        return connections.feed_reopened(org, until, clock.now())
    return connections.feed_kept(org, until)


def leave(found: Connection) -> None:
    """A watcher's connection has ended."""
    base.commit(connections.closed(found.id), connections.left(found.org, found.id))


def tell(org: str, occasion: str, updates: Sequence[Update], voices: Voices) -> None:
    """Number the updates and send them to everybody who watches; nothing at all when nobody did for a day."""
    head = connections.head(org)
    if head is None or head.until < clock.now():
        return
    first = head.first if head.occasion == occasion else _written(org, head, occasion, updates)
    watchers = connections.watchers(org)
    _keep_open(org, head, watchers)
    frames = [(first + place, asdict(update)) for place, update in enumerate(updates)]
    live = [one for one in watchers if one.live]
    _send_all(org, live, lambda voice: [voice.update(*one) for one in frames], voices)


def _written(org: str, head: Head, occasion: str, updates: Sequence[Update]) -> int:
    """Give the updates their numbers; returns the first. Raises Unavailable when another function did at once."""
    expires_at = (clock.now() + KEPT_MS) // clock.SECOND
    try:
        base.commit(*connections.fed(org, head, occasion, [asdict(update) for update in updates], expires_at))
    except Refused:
        raise Unavailable("Another function numbers this org's updates; this one comes again") from None
    return head.sequence + 1


def _keep_open(org: str, head: Head, watchers: Sequence[Watcher]) -> None:
    """While anybody watches, the feed is kept."""
    if watchers and head.until < clock.now() + KEPT_MS // 2:
        with suppress(Refused):
            base.commit(connections.feed_kept(org, clock.now() + KEPT_MS))


def catch_up(org: str, connection_id: str, voices: Voices) -> None:
    """Tell a new watcher what came since its start; from then on it gets every update. In its turn among the updates,
    so that none falls in between."""
    watcher = connections.watcher(org, connection_id)
    head = connections.head(org)
    if watcher is None or watcher.live or head is None:
        return
    missed = head.sequence - watcher.since
    found = list(connections.feed(org, watcher.since, head.sequence)) if 0 < missed <= LONGEST_CATCH_UP else []

    def frames(voice: Voice) -> list[Frame]:
        gap = [voice.reset(head.sequence)] if len(found) < missed else []
        return gap + [voice.update(*one) for one in found]

    _send_all(org, [watcher], frames, voices)
    with suppress(Refused):  # it has left meanwhile
        base.commit(connections.went_live(org, connection_id))


def _send_all(
    org: str, watchers: Sequence[Watcher], frames: Callable[[Voice], Sequence[Frame]], voices: Voices
) -> None:
    """Send each watcher the frames in its channel's voice, side by side; one that is gone is forgotten."""
    if not watchers:
        return

    def send(watcher: Watcher) -> None:
        try:
            for frame in frames(voices[watcher.channel]):
                sockets.post(watcher.id, json.dumps(frame, separators=(",", ":"), ensure_ascii=False))
        except Gone:
            leave(Connection(watcher.id, org, watcher.channel))

    with ThreadPoolExecutor(min(THREADS, len(watchers))) as threads:
        list(threads.map(send, watchers))
