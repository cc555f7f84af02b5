"""An API's own requests, counted: how many, how they ended, how long they took.

Each process gathers them and adds them to the hour's row every ten seconds at most, with the request that finds it due.
What a process has gathered and not written when it dies is lost: these are figures for the eye, and unlike those of
tasks they are worth no write of their own.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from chalicelib import clock
from chalicelib.domain.statistics.counters import Counts, Row, last_api_hours, slice_of
from chalicelib.domain.statistics.histograms import bucket_of
from chalicelib.errors import Unavailable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.statistics import counters as stats

WRITTEN_EVERY_MS = 10 * clock.SECOND
INVALID = frozenset({400, 413, 415, 422})


@dataclass
class _Gathered:
    """What this process has counted of one API of one org since it last wrote."""

    since: int
    rows: dict[Row, Counts] = field(default_factory=lambda: defaultdict(Counts))


_gathered: dict[tuple[str, str], _Gathered] = {}
_lock = Lock()


class Answered(Protocol):
    """One request of a known caller, once it is answered."""

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


def measure(api: str) -> Callable[[Answered], None]:
    """What an Api is told its answered requests by. One call when a write is due."""

    def note(answered: Answered) -> None:
        counts = _counts(clock.now(), answered.status, answered.milliseconds)
        found = _noted(answered.org, api, clock.now(), counts)
        if found:
            _write(answered.org, api, found)

    return note


def _counts(now: int, status: int, milliseconds: float) -> Counts:
    counts = {"requests": 1, "time_ms": round(milliseconds), f"done_{slice_of(now)}": 1}
    counts |= {"invalid": int(status in INVALID), "errors": int(status >= 500)}
    return Counts(counts | {f"h{bucket_of(milliseconds)}": 1})


def _noted(org: str, api: str, now: int, counts: Counts) -> dict[Row, Counts]:
    """Add the counts to what is gathered; returns all of it once it is due to be written."""
    with _lock:
        gathered = _gathered.setdefault((org, api), _Gathered(clock.steady()))
        row, _ = last_api_hours(org, api, now)
        gathered.rows[row] = gathered.rows[row].plus(counts)
        if clock.steady() - gathered.since < WRITTEN_EVERY_MS:
            return {}
        return _gathered.pop((org, api)).rows


def _write(org: str, api: str, rows: dict[Row, Counts]) -> None:
    try:
        dynamodb.commit(*(stats.added(row, counts) for row, counts in rows.items()))
    except Unavailable:
        _put_back(org, api, rows)


def _put_back(org: str, api: str, rows: dict[Row, Counts]) -> None:
    """The table is busy: the next time that it is due will do."""
    with _lock:
        gathered = _gathered.setdefault((org, api), _Gathered(clock.steady()))
        for row, counts in rows.items():
            gathered.rows[row] = gathered.rows[row].plus(counts)


def unwritten(org: str, api: str, row: Row) -> Counts:
    """What this process has gathered for a row and not yet written."""
    with _lock:
        gathered = _gathered.get((org, api))
        return gathered.rows.get(row, Counts()) if gathered is not None else Counts()
