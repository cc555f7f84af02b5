"""The figures and where they stand.

A row is named by (partition, row): a day of a pool has one row for each hour and one for each worker; a pool's
lifetime has one row for what is true now and one for each worker. What counts where is in domain.counting.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from chalicelib.domain.statistics.histograms import BUCKETS

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
HOURS = 24
NOW = "now"
CLOSE = "close"

SLICES = 12
"""An hour's row tells its leases and its completed tasks apart by parts of five minutes, so that a rate is of the last
few."""
SLICE_MS = HOUR_MS // SLICES

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
    "whole_ms",
    "wholes",
    "running",
    "kept_completed",
    "kept_failed",
    "kept_cancelled",
    "requests",
    "invalid",
    "errors",
    "time_ms",
    "worked_ms",
    "quality",
    "graded",
    *(f"at_{hour}" for hour in range(HOURS)),
    *(f"done_{part}" for part in range(SLICES)),
    *(f"begun_{part}" for part in range(SLICES)),
    *(f"h{bucket}" for bucket in range(BUCKETS)),
)
"""What a row counts: events by kind; `pending`, `active` and `running` as net change; `kept_...`, the ended tasks that
are still stored; sums of milliseconds with their number; of an API's row, its requests; `done_<n>` and `begun_<n>`,
tasks completed (of an API's row: requests answered) and tasks leased in the n-th five minutes of the hour; `h<n>`, how
many durations fell into each bucket of domain.histograms. Of a worker's row: `worked_ms`, the time it spent on attempts
that came to an end; `quality`, in thousandths, of the completed tasks of which it was noted, with their number;
`at_<hour>`, tasks completed in each hour of the UTC day."""


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
    def whole_average_ms(self) -> float:
        """Mean time from submission to end of the tasks completed here; 0 when there are none."""
        return self["whole_ms"] / self["wholes"] if self["wholes"] else 0.0

    @property
    def histogram(self) -> list[int]:
        """How many durations fell into each bucket."""
        return [self[f"h{bucket}"] for bucket in range(BUCKETS)]

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


def day_number(row: Row) -> int | None:
    """The day, counted from the epoch, that a row belongs to; None for a lifetime's."""
    parts = row[0].split("#")
    return int(parts[2]) if len(parts) == 3 else None


def hour_number(row: Row) -> int | None:
    """The hour, counted from the epoch, that a row counts; None for any but an hour's."""
    day = day_number(row)
    is_hour = day is not None and row[1].startswith("hour#")
    return day * HOURS + int(row[1].removeprefix("hour#")) if is_hour and day is not None else None


def hour_row(hour: int) -> str:
    return f"hour#{hour:02d}"


def hour_counter(hour: int) -> str:
    """The counter, of a worker's row, of what was completed in this hour of the UTC day."""
    return f"at_{hour}"


def worker_row(worker_id: str) -> str:
    return f"worker#{worker_id}"


def label_row(label: str) -> str:
    return f"label#{label}"


def api_row(hour: int) -> str:
    """The row of the API's own requests in an hour of the day."""
    return f"api#{hour:02d}"


def slice_of(instant: int) -> int:
    """Which five minutes of its hour an instant falls into, 0-11."""
    return instant % HOUR_MS // SLICE_MS


def rate(name: str, now: int, running: Counts, before: Counts) -> float:
    """How many a second of `done` or `begun`, over the five minutes that are running and the five before them.

    `running` is the row of the hour that holds `now`, `before` that of the hour before.
    """
    part = slice_of(now)
    last = running[f"{name}_{part - 1}"] if part else before[f"{name}_{SLICES - 1}"]
    return (running[f"{name}_{part}"] + last) * 1000 / (SLICE_MS + now % SLICE_MS)


def last_hours(org: str, pool: str, now: int) -> tuple[Row, Row]:
    """The rows of the hour that is running and of the one before."""
    return _hour(org, pool, now, hour_row), _hour(org, pool, now - HOUR_MS, hour_row)


def last_api_hours(org: str, api: str, now: int) -> tuple[Row, Row]:
    """The rows of an API's requests in the hour that is running and in the one before."""
    return _hour(org, api, now, api_row), _hour(org, api, now - HOUR_MS, api_row)


def _hour(org: str, pool: str, instant: int, name: Callable[[int], str]) -> Row:
    return day_partition(org, pool, day_of(instant)), name(hour_of(instant))


def peaks(by_hour: Sequence[int]) -> list[tuple[int, int]]:
    """The spans of hours, [from, to), in which at least half as much was done as in the best hour of the day."""
    least = max(by_hour, default=0) / 2
    spans: list[tuple[int, int]] = []
    for hour in (hour for hour, done in enumerate(by_hour) if done and done >= least):
        if spans and spans[-1][1] == hour:
            spans[-1] = (spans[-1][0], hour + 1)
        else:
            spans.append((hour, hour + 1))
    return spans
