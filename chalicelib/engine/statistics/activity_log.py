"""The journal of an org: what went wrong with its requests, and what its tasks and agents did, line by line.

Refused and failed requests are gathered by each process and written together, every ten seconds at most; the rest is
read off the event log, which is written anyway. What a process has gathered and not written when it dies is lost.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from threading import Lock
from typing import Any, Literal, NamedTuple

from chalicelib import clock
from chalicelib.domain.changes.effects import Event, Kind
from chalicelib.domain.statistics.counters import HOUR_MS
from chalicelib.engine.documents import documents
from chalicelib.engine.statistics.request_counts import Answered
from chalicelib.errors import Unavailable
from chalicelib.storage.documents import documents as document_storage
from chalicelib.storage.statistics import event_log

Level = Literal["error", "warn", "info", "debug"]
Service = Literal["api", "tasks", "agents"]

KEPT_MS = 7 * clock.DAY
WRITTEN_EVERY_MS = 10 * clock.SECOND
HOURS_AT_ONCE = 6
LINES_PER_DOCUMENT = 100
"""What a process gathers between two writes; what is over that is only counted."""


class Line(NamedTuple):
    """One thing that happened."""

    at: int
    level: Level
    service: Service
    message: str
    facts: dict[str, Any]


@dataclass
class _Gathered:
    since: int
    lines: list[Line] = field(default_factory=list)
    dropped: int = 0


_gathered: dict[str, _Gathered] = {}
_lock = Lock()


def note(answered: Answered) -> None:
    """Remember a request that was refused or failed. One call when a write is due."""
    due = _noted(answered.org, _line_of(answered) if answered.status >= 400 else None)
    if due is not None:
        _write(answered.org, due)


def _line_of(answered: Answered) -> Line:
    level: Level = "error" if answered.status >= 500 else "warn"
    facts = {
        "requestId": answered.request_id,
        "method": answered.method,
        "route": answered.route,
        "status": answered.status,
        "durationMs": round(answered.milliseconds),
    }
    return Line(clock.now(), level, "api", f"{answered.method} {answered.route}: {answered.status}", facts)


def _noted(org: str, line: Line | None) -> _Gathered | None:
    """Gather a line; returns all that is gathered once it is due to be written."""
    with _lock:
        found = _gathered.get(org)
        if line is not None:
            found = _gathered.setdefault(org, _Gathered(clock.steady()))
            if len(found.lines) < LINES_PER_DOCUMENT:
                found.lines.append(line)
            else:
                found.dropped += 1
        if found is None or clock.steady() - found.since < WRITTEN_EVERY_MS:
            return None
        return _gathered.pop(org)


def _write(org: str, found: _Gathered) -> None:
    lines = found.lines
    if found.dropped:
        lines = [*lines, Line(clock.now(), "warn", "api", f"{found.dropped} more refused requests", {})]
    until = clock.now() + KEPT_MS
    body = {"lines": [list(line) for line in lines]}
    try:
        documents.create(documents.new(org, "log", body, expires_at=until))
    except Unavailable:
        with _lock:  # the table is busy: the next time that it is due will do
            _gathered.setdefault(org, found)


def read(
    org: str,
    pool: str,
    *,
    since: int,
    level: Level | None = None,
    service: Service | None = None,
    agent: str | None = None,
    limit: int = 100,
) -> list[Line]:
    """The latest `limit` lines after `since`, latest first, of one level, service or agent if it is named.

    A call for each hour, six side by side, and for each megabyte of refused requests, as far back as the lines that are
    wanted reach.
    """
    sources = [_requests(org, since)] if service in (None, "api") and agent is None else []
    if service != "api":
        sources.append(_events(org, pool, since))
    lines = merge(*sources, key=lambda line: line.at, reverse=True)
    wanted = (line for line in lines if level in (None, line.level) and service in (None, line.service))
    return list(islice((line for line in wanted if agent in (None, line.facts.get("agentId"))), limit))


def _requests(org: str, since: int) -> Iterator[Line]:
    with _lock:
        unwritten = list(_gathered[org].lines) if org in _gathered else []
    found = [line for line in unwritten if line.at >= since]
    for document in document_storage.every(org, "log"):
        if document.created_at < since:
            break
        found += [line for line in (Line(*values) for values in document.body["lines"]) if line.at >= since]
    yield from sorted(found, key=lambda line: line.at, reverse=True)


def _events(org: str, pool: str, since: int) -> Iterator[Line]:
    hours = range(clock.now() // HOUR_MS, since // HOUR_MS - 1, -1)
    with ThreadPoolExecutor(HOURS_AT_ONCE) as threads:
        for start in range(0, len(hours), HOURS_AT_ONCE):
            wanted = hours[start : start + HOURS_AT_ONCE]
            for found in threads.map(lambda hour: list(event_log.hour(org, pool, hour * HOUR_MS)), wanted):
                yield from (_line(event) for event in reversed(found) if event.at >= since)


_LEVELS: dict[Kind, Level] = {
    Kind.FAILED: "error",
    Kind.TIMED_OUT: "error",
    Kind.RETRIED: "warn",
    Kind.RELEASED: "warn",
    Kind.OVERDUE: "warn",
    Kind.OFFLINE: "warn",
    Kind.LEASED: "debug",
    Kind.STARTED: "debug",
    Kind.EDITED: "debug",
}
_OF_AGENTS = frozenset({Kind.ONLINE, Kind.OFFLINE, Kind.CLAIMED})


def _line(event: Event) -> Line:
    service: Service = "agents" if event.kind in _OF_AGENTS else "tasks"
    facts: dict[str, Any] = {"agentId" if service == "agents" else "taskId": event.subject, "event": str(event.kind)}
    if event.worker_id is not None:
        facts["agentId"] = event.worker_id
    if event.attempt is not None:
        facts["attempt"] = event.attempt
    noun = "Agent" if service == "agents" else "Task"
    return Line(event.at, _LEVELS.get(event.kind, "info"), service, f"{noun} {event.subject}: {event.kind}", facts)
