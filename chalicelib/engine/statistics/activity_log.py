"""The activity log of an org: its refused and failed requests, and what its tasks and agents did, line by line.

Each process buffers the lines of requests and writes them together, at most every ten seconds; lines that are not
written when the process dies are lost. The lines of tasks and agents are read from the event log.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from threading import Lock
from typing import Any, Literal, NamedTuple

from chalicelib import clock
from chalicelib.domain.changes.effects import Event, EventKind
from chalicelib.domain.statistics.counters import HOUR_MS
from chalicelib.engine.documents import documents
from chalicelib.engine.statistics.request_counts import AnsweredRequest
from chalicelib.errors import Unavailable
from chalicelib.storage.documents import documents as document_storage
from chalicelib.storage.statistics import event_log

Level = Literal["error", "warn", "info", "debug"]
Service = Literal["api", "tasks", "agents"]

RETENTION_MS = 7 * clock.DAY
FLUSH_INTERVAL_MS = 10 * clock.SECOND
PARALLEL_HOURS = 6
LINES_PER_DOCUMENT = 100
"""Lines that a process buffers between two writes; further ones are only counted."""


class Line(NamedTuple):
    """One line: what happened, when (epoch milliseconds), and its details."""

    at: int
    level: Level
    service: Service
    message: str
    details: dict[str, Any]


@dataclass
class _Buffer:
    since: int
    lines: list[Line] = field(default_factory=list)
    dropped: int = 0


_buffers: dict[str, _Buffer] = {}
_lock = Lock()


def record_request(answered: AnsweredRequest) -> None:
    """Buffer a request that was refused or failed. One call when a write is due."""
    due = _add_to_buffer(answered.org, _request_line(answered) if answered.status >= 400 else None)
    if due is not None:
        _write(answered.org, due)


def _request_line(answered: AnsweredRequest) -> Line:
    level: Level = "error" if answered.status >= 500 else "warn"
    details = {
        "requestId": answered.request_id,
        "method": answered.method,
        "route": answered.route,
        "status": answered.status,
        "durationMs": round(answered.milliseconds),
    }
    return Line(clock.now(), level, "api", f"{answered.method} {answered.route}: {answered.status}", details)


def _add_to_buffer(org: str, line: Line | None) -> _Buffer | None:
    """Add a line to the org's buffer; returns the buffer when it is due to be written."""
    with _lock:
        buffer = _buffers.get(org)
        if line is not None:
            buffer = _buffers.setdefault(org, _Buffer(clock.steady()))
            if len(buffer.lines) < LINES_PER_DOCUMENT:
                buffer.lines.append(line)
            else:
                buffer.dropped += 1
        if buffer is None or clock.steady() - buffer.since < FLUSH_INTERVAL_MS:
            return None
        return _buffers.pop(org)


def _write(org: str, buffer: _Buffer) -> None:
    lines = buffer.lines
    if buffer.dropped:
        lines = [*lines, Line(clock.now(), "warn", "api", f"{buffer.dropped} more refused requests", {})]
    until = clock.now() + RETENTION_MS
    body = {"lines": [list(line) for line in lines]}
    try:
        documents.create(documents.new(org, "log", body, expires_at_ms=until))
    except Unavailable:
        with _lock:  # the table is busy: try again with the next request
            _buffers.setdefault(org, buffer)


def read_lines(
    org: str,
    pool: str,
    *,
    since: int,
    level: Level | None = None,
    service: Service | None = None,
    agent: str | None = None,
    limit: int = 100,
) -> list[Line]:
    """The newest `limit` lines since `since` (epoch milliseconds), newest first; None does not filter.

    One call for each hour, six at a time, and one for each megabyte of refused requests, as far back as the lines
    reach.
    """
    sources = [_request_lines(org, since)] if service in (None, "api") and agent is None else []
    if service != "api":
        sources.append(_event_lines(org, pool, since))
    lines = merge(*sources, key=lambda line: line.at, reverse=True)
    matching = (line for line in lines if level in (None, line.level) and service in (None, line.service))
    return list(islice((line for line in matching if agent in (None, line.details.get("agentId"))), limit))


def _request_lines(org: str, since: int) -> Iterator[Line]:
    with _lock:
        unwritten = list(_buffers[org].lines) if org in _buffers else []
    lines = [line for line in unwritten if line.at >= since]
    for document in document_storage.iter_all(org, "log"):
        if document.created_at < since:
            break
        lines += [line for line in (Line(*values) for values in document.body["lines"]) if line.at >= since]
    yield from sorted(lines, key=lambda line: line.at, reverse=True)


def _event_lines(org: str, pool: str, since: int) -> Iterator[Line]:
    hours = range(clock.now() // HOUR_MS, since // HOUR_MS - 1, -1)
    with ThreadPoolExecutor(PARALLEL_HOURS) as threads:
        for start in range(0, len(hours), PARALLEL_HOURS):
            batch = hours[start : start + PARALLEL_HOURS]
            for events in threads.map(lambda hour: list(event_log.read_hour(org, pool, hour * HOUR_MS)), batch):
                yield from (_event_line(event) for event in reversed(events) if event.at >= since)


_LEVELS: dict[EventKind, Level] = {
    EventKind.FAILED: "error",
    EventKind.TIMED_OUT: "error",
    EventKind.RETRIED: "warn",
    EventKind.RELEASED: "warn",
    EventKind.OVERDUE: "warn",
    EventKind.OFFLINE: "warn",
    EventKind.LEASED: "debug",
    EventKind.STARTED: "debug",
    EventKind.EDITED: "debug",
}
_AGENT_KINDS = frozenset({EventKind.ONLINE, EventKind.OFFLINE, EventKind.CLAIMED})


def _event_line(event: Event) -> Line:
    service: Service = "agents" if event.kind in _AGENT_KINDS else "tasks"
    details: dict[str, Any] = {"agentId" if service == "agents" else "taskId": event.subject, "event": str(event.kind)}
    if event.worker_id is not None:
        details["agentId"] = event.worker_id
    if event.attempt is not None:
        details["attempt"] = event.attempt
    if event.label is not None:
        details["label"] = event.label
    noun = "Agent" if service == "agents" else "Task"
    return Line(event.at, _LEVELS.get(event.kind, "info"), service, f"{noun} {event.subject}: {event.kind}", details)
