"""Counters of an API's requests: how many there were, how they ended and how long they took.

Each process buffers its counts. At most every ten seconds a request adds them to the row of the hour. Counts that are
not written when the process dies are lost: they only inform people, so they are not worth a write for each request.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from chalicelib import clock
from chalicelib.domain.statistics.counters import Counts, Row, last_api_hour_rows, slice_of
from chalicelib.domain.statistics.histograms import bucket_of
from chalicelib.engine.statistics import active_callers
from chalicelib.errors import Unavailable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.statistics import counters as counter_storage

FLUSH_INTERVAL_MS = 10 * clock.SECOND
INVALID_STATUSES = frozenset({400, 413, 415, 422})


@dataclass
class _Buffer:
    """The counts of one API of one org that this process has not written."""

    since: int
    rows: dict[Row, Counts] = field(default_factory=lambda: defaultdict(Counts))


_buffers: dict[tuple[str, str], _Buffer] = {}
_lock = Lock()


class AnsweredRequest(Protocol):
    """An answered request of an authenticated caller."""

    @property
    def org(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def milliseconds(self) -> float: ...
    @property
    def method(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def subject(self) -> str: ...


def request_counter(api: str, *, counts_callers: bool = False) -> Callable[[AnsweredRequest], None]:
    """The function that counts an API's answered requests, and on demand its callers. It makes one call when a write is
    due; for callers those of `active_callers.count_caller`."""

    def count_request(answered: AnsweredRequest) -> None:
        hour, _ = last_api_hour_rows(answered.org, api, clock.now())
        rows = {hour: _counts(clock.now(), answered.status, answered.milliseconds)}
        if counts_callers:
            rows |= active_callers.count_caller(answered.org, api, answered.subject)
        due = _add_to_buffer(answered.org, api, rows)
        if due:
            _write(answered.org, api, due)

    return count_request


def _counts(now: int, status: int, milliseconds: float) -> Counts:
    counts = {"requests": 1, "time_ms": round(milliseconds), f"done_{slice_of(now)}": 1}
    counts |= {"invalid": int(status in INVALID_STATUSES), "errors": int(status >= 500)}
    counts["refused"] = int(400 <= status < 500)
    return Counts(counts | {f"h{bucket_of(milliseconds)}": 1})


def _add_to_buffer(org: str, api: str, rows: Mapping[Row, Counts]) -> dict[Row, Counts]:
    """Add the counts to the buffer; returns all rows of it when they are due to be written."""
    with _lock:
        buffer = _buffers.setdefault((org, api), _Buffer(clock.steady()))
        for row, counts in rows.items():
            buffer.rows[row] = buffer.rows[row].plus(counts)
        if clock.steady() - buffer.since < FLUSH_INTERVAL_MS:
            return {}
        return _buffers.pop((org, api)).rows


def _write(org: str, api: str, rows: dict[Row, Counts]) -> None:
    try:
        dynamodb.commit(*(counter_storage.addition_write(row, counts) for row, counts in rows.items()))
    except Unavailable:
        _put_back(org, api, rows)


def _put_back(org: str, api: str, rows: dict[Row, Counts]) -> None:
    """Return rows to the buffer when the table is busy; a later request writes them."""
    with _lock:
        buffer = _buffers.setdefault((org, api), _Buffer(clock.steady()))
        for row, counts in rows.items():
            buffer.rows[row] = buffer.rows[row].plus(counts)


def unwritten_counts(org: str, api: str, row: Row) -> Counts:
    """The counts of a row that this process has not written yet."""
    with _lock:
        buffer = _buffers.get((org, api))
        return buffer.rows.get(row, Counts()) if buffer is not None else Counts()
