"""Rows of usage and the marks of what was counted, in the `stats` table."""

from collections.abc import Mapping
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.usage import USAGE_COUNTERS, MetricDay, ModelDay, Usage
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.columns import CompactJson
from chalicelib.storage.aws.dynamodb import Item, RawItem, Write

_MODEL, _METRIC = "model", "metric"
_AFTER_ALL = "~"
"""Sorts after every row of a day."""
RETENTION_FACTOR = 13
"""Usage is kept 13 times as long as tasks, as the other figures are."""


class UsageItem(Item):
    class Meta:
        setting = "stats_table"

    partition = UnicodeAttribute(hash_key=True)
    row = UnicodeAttribute(range_key=True)
    records = NumberAttribute(null=True)
    total = NumberAttribute(null=True)
    record = CompactJson(null=True)
    expires_at = NumberAttribute(null=True)

    vars().update({name: NumberAttribute(null=True) for name in USAGE_COUNTERS})


def mark_write(org: str, source_id: str, record: Any = None) -> Write:
    """The write that marks a source as counted, with a record of what it said, refused where it is marked."""
    expires_at_s = clock.now() // clock.SECOND + settings().retention_days * 86_400
    item = UsageItem(f"usage-source#{org}#{source_id}", "-", expires_at=expires_at_s, record=record)
    return dynamodb.put(item, UsageItem.partition.does_not_exist())


def model_write(org: str, day: str, model: str, usage: Usage) -> Write:
    """The write that adds usage to the row of a model and a day."""
    return _addition_write(org, f"{day}#{_MODEL}#{model}", {name: getattr(usage, name) for name in USAGE_COUNTERS})


def marked_record(raw: RawItem | None) -> Any:
    """What a source said when it was marked."""
    return UsageItem.from_raw_data(raw).record if raw else None


def metric_write(org: str, day: str, name: str, unit: str, value: float, *, exists: bool | None = None) -> Write:
    """The write that adds a value to the row of a metric and a day; with `exists` refused where that is not so."""
    row = f"{day}#{_METRIC}#{unit}#{name}"
    return _addition_write(org, row, {"records": 1, "total": value}, exists=exists)


def metric_room_write(org: str, day: str, most: int) -> Write:
    """The write that counts one more metric of a day, refused where there are `most`."""
    expires_at = UsageItem.expires_at.set(clock.now() // clock.SECOND + settings().retention_days * 86_400)
    room = UsageItem.records.does_not_exist() | (UsageItem.records < most)
    return dynamodb.update(UsageItem(f"usage-metrics#{org}", day), [UsageItem.records.add(1), expires_at], room)


def _addition_write(org: str, row: str, values: Mapping[str, float], *, exists: bool | None = None) -> Write:
    actions: list[Action] = [getattr(UsageItem, name).add(value) for name, value in values.items() if value]
    seconds = RETENTION_FACTOR * settings().retention_days * 86_400
    actions.append(UsageItem.expires_at.set(clock.now() // clock.SECOND + seconds))
    is_there, is_new = UsageItem.partition.exists(), UsageItem.partition.does_not_exist()
    # By default the first addition creates the row, so there is no condition to check.
    condition = is_new | is_there if exists is None else is_there if exists else is_new
    return dynamodb.update(UsageItem(_partition(org), row), actions, condition)


def find_days(org: str, first_day: str, last_day: str) -> tuple[list[ModelDay], list[MetricDay]]:
    """The rows of all models and of all metrics from one day to another, in order of days. One call for each
    megabyte, which is some thousand rows."""
    condition = UsageItem.row.between(first_day, f"{last_day}#{_AFTER_ALL}")
    models, metrics = list[ModelDay](), list[MetricDay]()
    with dynamodb.reading():
        for item in UsageItem.query(_partition(org), condition, consistent_read=True):
            day, kind, rest = item.row.split("#", 2)
            if kind == _MODEL:
                models.append(ModelDay(day, rest, _usage(item)))
            else:
                unit, _, name = rest.partition("#")
                metrics.append(MetricDay(day, name, unit, int(item.records or 0), float(item.total or 0)))
    return models, metrics


def _usage(item: Any) -> Usage:
    return Usage(**{name: int(getattr(item, name) or 0) for name in USAGE_COUNTERS})


def _partition(org: str) -> str:
    return f"usage#{org}"
