"""Counters as a function of the event log: the live rows and a recount use the same rules, so they must agree.

A row is named by (partition, row): a day of a pool has one row for each hour and one for each worker; a pool's
lifetime has one row for what is true now and one for each worker.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chalicelib.domain.effects import ENDED, Event, Kind

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
HOURS = 24
NOW = "now"
CLOSE = "close"

Row = tuple[str, str]
"""(partition, row) of the statistics table."""

COUNTERS = (
    "created",
    "completed",
    "failed",
    "timed_out",
    "cancelled",
    "retried",
    "released",
    "leased",
    "pending",
    "active",
    "took_ms",
    "taken",
    "waited_ms",
    "waits",
    "online_ms",
)
"""What a row counts: events by kind; `pending` and `active` as net change; sums of milliseconds with their number."""


@dataclass
class Counts:
    """The figures of one row; missing ones are 0."""

    values: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.values.get(name, 0)

    @property
    def ended_badly(self) -> int:
        return self["failed"] + self["timed_out"]

    @property
    def processed(self) -> int:
        return self["completed"] + self.ended_badly

    @property
    def average_ms(self) -> int:
        """Mean time from lease to end of the attempts counted here; 0 when there are none."""
        return round(self["took_ms"] / self["taken"]) if self["taken"] else 0

    @property
    def success_rate(self) -> float:
        return round(self["completed"] / self.processed, 4) if self.processed else 0.0

    def plus(self, other: "Counts") -> "Counts":
        names = self.values.keys() | other.values.keys()
        return Counts({name: self[name] + other[name] for name in names})


def total(rows: Iterable[Counts]) -> Counts:
    """The sum of several rows."""
    summed: dict[str, int] = defaultdict(int)
    for row in rows:
        for name, value in row.values.items():
            summed[name] += value
    return Counts(dict(summed))


def day_of(instant: int) -> int:
    """The number of the UTC day, counted from the epoch."""
    return instant // DAY_MS


def hour_of(instant: int) -> int:
    """The hour of the UTC day, 0-23."""
    return instant % DAY_MS // HOUR_MS


def lifetime(org: str, pool: str) -> str:
    """Partition of a pool's lifetime figures."""
    return f"{org}#{pool}"


def day_partition(org: str, pool: str, day: int) -> str:
    """Partition of one day of a pool."""
    return f"{org}#{pool}#{day}"


def hour_row(hour: int) -> str:
    return f"hour#{hour:02d}"


def worker_row(worker_id: str) -> str:
    return f"worker#{worker_id}"


def deltas(events: Iterable[Event]) -> dict[Row, Counts]:
    """What these events add to which rows."""
    summed: dict[Row, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in events:
        for row, counts in _of_event(event).items():
            for name, value in counts.items():
                summed[row][name] += value
    return {row: Counts(dict(counts)) for row, counts in summed.items()}


def _of_event(event: Event) -> Mapping[Row, Mapping[str, int]]:
    if event.kind is Kind.OFFLINE:
        return _uptime(event)
    if event.kind is Kind.ONLINE:
        return {}
    return _pool_rows(event) | _worker_rows(event)


def _pool_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    counts = _pool_counts(event)
    gauges = {name: counts[name] for name in ("pending", "active") if counts.get(name)}
    day = day_partition(event.org, event.pool, day_of(event.at))
    rows: dict[Row, Mapping[str, int]] = {(day, hour_row(hour_of(event.at))): counts}
    return rows | {(lifetime(event.org, event.pool), NOW): gauges} if gauges else rows


_COUNTED_AS = {Kind.SUBMITTED: "created", Kind.REPLAYED: "retried"}
_INTO_PENDING = frozenset({Kind.SUBMITTED, Kind.RETRIED, Kind.RELEASED, Kind.REPLAYED})


def _pool_counts(event: Event) -> dict[str, int]:
    counts = {_COUNTED_AS.get(event.kind, str(event.kind)): 1}
    was_held = event.took_ms is not None
    was_pending = event.kind is Kind.LEASED or (event.kind in ENDED and not was_held)
    counts["pending"] = int(event.kind in _INTO_PENDING) - int(was_pending)
    counts["active"] = int(event.kind is Kind.LEASED) - int(was_held)
    if event.kind is Kind.LEASED:
        counts |= {"waited_ms": event.waited_ms or 0, "waits": 1}
    return counts | _took(event)


def _took(event: Event) -> dict[str, int]:
    if event.took_ms is None or event.kind is not Kind.COMPLETED:
        return {}
    return {"took_ms": event.took_ms, "taken": 1}


def _worker_rows(event: Event) -> dict[Row, Mapping[str, int]]:
    if event.worker_id is None or event.took_ms is None:
        return {}
    if event.kind is Kind.COMPLETED:
        counts = {"completed": 1}
    elif event.burned:
        counts = {"timed_out" if event.kind is Kind.TIMED_OUT else "failed": 1}
    else:
        return {}
    counts |= _took(event)
    row = worker_row(event.worker_id)
    day = day_partition(event.org, event.pool, day_of(event.at))
    return {(day, row): counts, (lifetime(event.org, event.pool), row): counts}


def _uptime(event: Event) -> dict[Row, Mapping[str, int]]:
    assert event.worker_id is not None
    row = worker_row(event.worker_id)
    spans = online_by_day(event.since if event.since is not None else event.at, event.at)
    return {(day_partition(event.org, event.pool, day), row): {"online_ms": ms} for day, ms in spans.items()}


def online_by_day(start: int, end: int) -> dict[int, int]:
    """The interval's milliseconds, cut at UTC midnights: day -> milliseconds."""
    return {
        day: min(end, (day + 1) * DAY_MS) - max(start, day * DAY_MS)
        for day in range(day_of(start), day_of(max(start, end - 1)) + 1)
        if end > start
    }
