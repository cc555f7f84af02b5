"""The counters of the statistics, and the rows that have them.

The key of a row is (partition, row). A day of a pool has a row for each hour, each worker and each label. The lifetime
of a pool has a row of current gauges, and a row for each worker and each label. domain/statistics/event_counts.py says
which event counts in which row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from chalicelib.domain.statistics.histograms import BUCKETS

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
HOURS_PER_DAY = 24
NOW_ROW = "now"
CLOSING_ROW = "close"
CONTENTS = "contents"

SLICES = 12
"""The row of an hour counts leases and completed tasks by parts of five minutes, for rates over the last few."""
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
    "refused",
    "time_ms",
    "worked_ms",
    "quality",
    "graded",
    "log_debug",
    "log_info",
    "log_warning",
    "log_error",
    "published",
    "unapproved",
    "callers",
    *(f"at_{hour}" for hour in range(HOURS_PER_DAY)),
    *(f"done_{part}" for part in range(SLICES)),
    *(f"begun_{part}" for part in range(SLICES)),
    *(f"h{bucket}" for bucket in range(BUCKETS)),
)
"""The counters of a row; these are names of stored attributes.

- events by kind: `created` ... `leased`; `unapproved`, of the failed and timed out those that no person approved
- `pending`, `active`, `running`: the net change of tasks pending, held and running
- `kept_...`: ended tasks that are still stored
- sums of milliseconds, each with its number: `took_ms` and `taken` (attempts), `waited_ms` and `waits` (until the
  lease), `whole_ms` and `wholes` (from submission to end)
- in the row of an API: `requests`, `refused` (4xx), `invalid`, `errors` (5xx), `time_ms`
- in the row of an hour and label of a pool with a log: `log_<level>`, the lines of each level
- in the row of an API's callers in a period: `callers`
- in the row of an org's contents: `published`, the contents that became posts
- `done_<n>`, `begun_<n>`: tasks completed (in the row of an API: requests answered) and tasks leased in the n-th five
  minutes of the hour
- `h<n>`: durations in each bucket of domain/statistics/histograms.py
- in the row of a worker: `online_ms`; `worked_ms`, spent on attempts that ended; `quality`, in thousandths, and
  `graded`, the number of tasks with a quality; `at_<hour>`, tasks completed in each hour of the UTC day
"""


@dataclass
class Counts:
    """The counters of one row; missing ones are 0."""

    values: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.values.get(name, 0)

    @property
    def failures(self) -> int:
        """Failed and timed out."""
        return self["failed"] + self["timed_out"]

    @property
    def processed(self) -> int:
        """Ended otherwise than by being cancelled."""
        return self["completed"] + self.failures

    @property
    def stored_tasks(self) -> int:
        """In the row of current gauges: the tasks that are stored, whatever their state."""
        return sum(self[name] for name in ("pending", "active", "kept_completed", "kept_failed", "kept_cancelled"))

    @property
    def average_ms(self) -> int:
        """Mean milliseconds from lease to end of the counted attempts; 0 when there are none."""
        return round(self["took_ms"] / self["taken"]) if self["taken"] else 0

    @property
    def whole_average_ms(self) -> float:
        """Mean milliseconds from submission to end of the counted completed tasks; 0 when there are none."""
        return self["whole_ms"] / self["wholes"] if self["wholes"] else 0.0

    @property
    def histogram(self) -> list[int]:
        """The number of durations in each bucket."""
        return [self[f"h{bucket}"] for bucket in range(BUCKETS)]

    @property
    def success_rate(self) -> float:
        """Completed tasks as a share (0-1) of those processed; 0 when there are none."""
        return round(self["completed"] / self.processed, 4) if self.processed else 0.0

    def plus(self, other: "Counts") -> "Counts":
        names = self.values.keys() | other.values.keys()
        return Counts({name: self[name] + other[name] for name in names})


def total(rows: Iterable[Counts]) -> Counts:
    """The sum of several rows."""
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        for name, value in row.values.items():
            sums[name] += value
    return Counts(dict(sums))


def day_of(instant: int) -> int:
    """The number of the UTC day, counted from the epoch."""
    return instant // DAY_MS


def hour_of(instant: int) -> int:
    """The hour of the UTC day, 0-23."""
    return instant % DAY_MS // HOUR_MS


def lifetime_partition(org: str, pool: str) -> str:
    """Partition of the lifetime figures of a pool."""
    return f"{org}#{pool}"


def day_partition(org: str, pool: str, day: int) -> str:
    """Partition of one day of a pool."""
    return f"{org}#{pool}#{day}"


def day_number(row: Row) -> int | None:
    """The day of a row, counted from the epoch; None for a row of a lifetime."""
    parts = row[0].split("#")
    return int(parts[2]) if len(parts) == 3 else None


def hour_number(row: Row) -> int | None:
    """The hour of a row, counted from the epoch; None for a row of anything else."""
    day = day_number(row)
    is_hour = day is not None and row[1].startswith("hour#")
    return day * HOURS_PER_DAY + int(row[1].removeprefix("hour#")) if is_hour and day is not None else None


def hour_row(hour: int) -> str:
    return f"hour#{hour:02d}"


def hour_counter(hour: int) -> str:
    """The counter, in the row of a worker, of tasks completed in this hour of the UTC day."""
    return f"at_{hour}"


def worker_row(worker_id: str) -> str:
    return f"worker#{worker_id}"


def label_row(label: str) -> str:
    return f"label#{label}"


def api_row(hour: int) -> str:
    """The row of an API's requests in an hour of the day."""
    return f"api#{hour:02d}"


def callers_row(org: str, api: str, period: str, first_day: int) -> Row:
    """The row of an API's callers in a period that began on this day. Rollups leave it as it is."""
    return day_partition(org, api, first_day), f"callers#{period}"


def contents_row(org: str, day: int) -> Row:
    """The row of what happened to an org's contents on a day. Rollups leave it as it is."""
    return day_partition(org, CONTENTS, day), CONTENTS


def slice_of(instant: int) -> int:
    """The part of five minutes of its hour that an instant is in, 0-11."""
    return instant % HOUR_MS // SLICE_MS


def rate_per_second(name: str, now: int, current: Counts, before: Counts) -> float:
    """`done` or `begun` per second, over the current five minutes and the five before them.

    `current` is the row of the hour of `now`, `before` that of the hour before.
    """
    part = slice_of(now)
    last = current[f"{name}_{part - 1}"] if part else before[f"{name}_{SLICES - 1}"]
    return (current[f"{name}_{part}"] + last) * 1000 / (SLICE_MS + now % SLICE_MS)


def last_hour_rows(org: str, pool: str, now: int) -> tuple[Row, Row]:
    """The rows of the current hour and of the hour before."""
    return _hour(org, pool, now, hour_row), _hour(org, pool, now - HOUR_MS, hour_row)


def last_api_hour_rows(org: str, api: str, now: int) -> tuple[Row, Row]:
    """The rows of an API's requests in the current hour and in the hour before."""
    return _hour(org, api, now, api_row), _hour(org, api, now - HOUR_MS, api_row)


def _hour(org: str, pool: str, instant: int, name: Callable[[int], str]) -> Row:
    return day_partition(org, pool, day_of(instant)), name(hour_of(instant))


def peak_hours(by_hour: Sequence[int]) -> list[tuple[int, int]]:
    """The spans of hours, [from, to), with at least half as many completed tasks as the best hour."""
    least = max(by_hour, default=0) / 2
    spans: list[tuple[int, int]] = []
    for hour in (hour for hour, done in enumerate(by_hour) if done and done >= least):
        if spans and spans[-1][1] == hour:
            spans[-1] = (spans[-1][0], hour + 1)
        else:
            spans.append((hour, hour + 1))
    return spans
