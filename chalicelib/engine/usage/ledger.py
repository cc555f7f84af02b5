"""Count usage, each thing once: by the id of what caused it, in one transaction with the counters.

Counting again under the same id changes nothing, so whoever counts may do so twice, and after its own death.
"""

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.statistics.periods import Period, period_start
from chalicelib.domain.usage import (
    ROUNDED_TO,
    MetricDay,
    MetricTotal,
    ModelDay,
    Usage,
    total_metrics,
    total_usage,
    usage_of_call,
)
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.errors import Conflict, IdempotencyMismatch
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.usage import usage as storage

MAX_METRICS = 100
"""Metrics of its own that an org can count in a day: so figures of a month are read with few calls."""


class TrackedMetric(NamedTuple):
    """A value of a metric of the org's own, with what the org says of it."""

    metric_name: str
    value: float
    unit: str
    tags: Mapping[str, str]


class PeriodUsage(NamedTuple):
    """The usage of all models in a period, and the metrics of the org's own: at most MAX_METRICS for each day of it."""

    models: Usage
    tracked: list[MetricTotal]


def record(
    org: str,
    source_id: str,
    model: str,
    tokens_in: int | None,
    tokens_out: int | None,
    microdollars: int | None = None,
) -> bool:
    """Count one successful call of a model. `engine.models.metering.record` also knows its price.

    Returns False if this source was counted before. What is None is counted as unknown. One transaction.
    Raises Unavailable.
    """
    return _record(org, source_id, _model_write(org, model, usage_of_call(tokens_in, tokens_out, microdollars)))


def record_failure(org: str, source_id: str, model: str) -> bool:
    """Count one failed call of a model; costs and returns as `record`."""
    return _record(org, source_id, _model_write(org, model, Usage(failures=1)))


def record_metric(org: str, source_id: str, name: str, unit: str, value: float) -> bool:
    """Count a value of a metric of the org's own; costs and returns as `record`."""
    return _record(org, source_id, storage.metric_write(org, today(), name, unit, value))


def track(org: str, source_id: str, metric: TrackedMetric) -> bool:
    """Count a value that an org sends; returns as `record`. One transaction, two for a metric's first value of a day.

    Raises IdempotencyMismatch when the source came with another value before, Conflict beyond MAX_METRICS a day.
    """
    day, name, unit, value = today(), metric.metric_name, metric.unit, round(metric.value, ROUNDED_TO)
    mark = storage.mark_write(org, source_id, metric._asdict())
    further = storage.metric_write(org, day, name, unit, value, exists=True)
    first = storage.metric_write(org, day, name, unit, value, exists=False)
    room = storage.metric_room_write(org, day, MAX_METRICS)

    def attempt() -> bool:
        counted = _try_track(metric, mark, further)
        if counted is None:
            counted = _try_track(metric, mark, room, first)
        if counted is None:
            raise Conflict(f"{MAX_METRICS} metrics are counted in a day, the maximum: use those of today")
        return counted

    return optimistic.retry(attempt)


def _try_track(metric: TrackedMetric, mark: Write, *additions: Write) -> bool | None:
    """Whether it was counted now and not before; None where the first addition is refused. Raises StaleRead where only
    another one is: somebody else has counted the metric's first value meanwhile."""
    try:
        dynamodb.commit(mark, *additions)
    except ConditionFailed as refused:
        if any(refused.failed[2:]) and not refused.failed[0]:
            raise StaleRead from None
        if not refused.failed[0]:
            return None
        if storage.marked_record(refused.items[0]) != metric._asdict():
            raise IdempotencyMismatch("This key was used before with another value; use a new key") from None
        return False
    return True


def read_usage(org: str, period: Period) -> Usage:
    """The usage of all models in the current period (UTC), which is a day or longer. Costs as `read_models`."""
    return read_period(org, period).models


def read_period(org: str, period: Period) -> PeriodUsage:
    """What the org has used and tracked in the current period (UTC), which is a day or longer. Costs as
    `read_models`."""
    first_day = clock.utc(period_start(period, clock.now())).date().isoformat()
    models, metrics = storage.find_days(org, first_day, today())
    return PeriodUsage(total_usage(models), total_metrics(metrics))


def read_models(org: str, first_day: str, last_day: str) -> list[ModelDay]:
    """The usage of each model on each UTC day from `first_day` to `last_day`, such as 2026-01-31, in order of days. One
    call for each megabyte."""
    return storage.find_days(org, first_day, last_day)[0]


def read_metrics(org: str, first_day: str, last_day: str) -> list[MetricDay]:
    """The metrics of the org's own; as `read_models`."""
    return storage.find_days(org, first_day, last_day)[1]


def today() -> str:
    """The present UTC day."""
    return clock.utc(clock.now()).date().isoformat()


def _model_write(org: str, model: str, usage: Usage) -> Write:
    return storage.model_write(org, today(), model, usage)


def _record(org: str, source_id: str, addition: Write) -> bool:
    try:
        dynamodb.commit(storage.mark_write(org, source_id), addition)
    except ConditionFailed:
        return False
    return True
