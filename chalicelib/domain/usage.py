"""Usage of language models, and of whatever an org wants counted, as plain values."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

MICRODOLLARS = 1_000_000
"""In a dollar."""
ROUNDED_TO = 6
"""Digits after the point of a metric's values: DynamoDB takes no smaller numbers than 1e-130."""
REVENUE, USD = "revenue", "usd"
"""The metric by which an org says what it earns, and its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Calls of a model and what they took. A call whose tokens or price are unknown is in `calls` and, as such, in
    `uncounted` or `unpriced`; it adds nothing to the sums."""

    calls: int = 0
    failures: int = 0
    """Calls that failed; they are not in `calls`."""
    tokens_in: int = 0
    tokens_out: int = 0
    microdollars: int = 0
    uncounted: int = 0
    unpriced: int = 0

    def plus(self, other: Self) -> Self:
        """The sum of both."""
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in USAGE_COUNTERS})

    @property
    def tokens(self) -> int:
        """Tokens in both directions."""
        return self.tokens_in + self.tokens_out

    @property
    def dollars(self) -> float | None:
        """What the calls with a known price cost; None where there are calls and none has one."""
        return None if self.calls and self.unpriced == self.calls else self.microdollars / MICRODOLLARS


USAGE_COUNTERS = tuple(field.name for field in fields(Usage))


class ModelDay(NamedTuple):
    """The usage of one model on one UTC day, such as 2026-01-31."""

    day: str
    model: str
    usage: Usage


class MetricDay(NamedTuple):
    """What was recorded of one metric of the org's own on one UTC day."""

    day: str
    name: str
    unit: str
    records: int
    total: float


class MetricTotal(NamedTuple):
    """What was recorded of one metric of the org's own in some days."""

    name: str
    unit: str
    total: float


def usage_of_call(tokens_in: int | None, tokens_out: int | None, microdollars: int | None) -> Usage:
    """The usage of one successful call; None is unknown."""
    return Usage(
        calls=1,
        tokens_in=tokens_in or 0,
        tokens_out=tokens_out or 0,
        microdollars=microdollars or 0,
        uncounted=int(tokens_in is None or tokens_out is None),
        unpriced=int(microdollars is None),
    )


def total_usage(days: Iterable[ModelDay]) -> Usage:
    """The sum of all rows."""
    total = Usage()
    for row in days:
        total = total.plus(row.usage)
    return total


def total_metrics(days: Iterable[MetricDay]) -> list[MetricTotal]:
    """The sums of all metrics, by name and unit."""
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for row in days:
        sums[row.name, row.unit] += row.total
    return [MetricTotal(*metric, round(total, ROUNDED_TO)) for metric, total in sorted(sums.items())]


def total_metric(days: Iterable[MetricDay], name: str, unit: str) -> float | None:
    """The sum of a metric of the org's own; None where nothing was recorded."""
    totals = [row.total for row in days if (row.name, row.unit) == (name, unit)]
    return sum(totals) if totals else None
