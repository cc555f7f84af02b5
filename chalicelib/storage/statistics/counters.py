"""The `stats` table: counters by day and row, and the rollups that replace them once their hour is over."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.config import settings
from chalicelib.domain.statistics.counters import COUNTERS, Counts, Row, day_number, hour_number
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Item, Write


class HourIndex(GlobalSecondaryIndex["StatsItem"]):
    """Which pools had anything happen in an hour."""

    class Meta:
        index_name = "hour"
        projection = KeysOnlyProjection()

    hour = NumberAttribute(hash_key=True)
    partition = UnicodeAttribute(range_key=True)


class StatsItem(Item):
    class Meta:
        setting = "stats_table"
        ttl = "expires_at"

    partition = UnicodeAttribute(hash_key=True)
    row = UnicodeAttribute(range_key=True)
    hour = NumberAttribute(null=True)  # hours since the epoch, on hour rows
    revision = NumberAttribute(null=True)  # grows with every change
    closed = BooleanAttribute(null=True)  # replaced by a recount
    expires_at = NumberAttribute(null=True)

    by_hour = HourIndex()
    vars().update({name: NumberAttribute(null=True) for name in COUNTERS})


class Stored(NamedTuple):
    """A row as stored: its figures, and the revision that a replacement must find unchanged."""

    counts: Counts
    revision: int
    closed: bool = False


def added(row: Row, counts: Counts) -> Write:
    """The write that adds these figures to a row. An hour's row can be found by its hour, a day's rows expire."""
    actions: list[Action] = [getattr(StatsItem, name).add(value) for name, value in counts.values.items() if value]
    actions.append(StatsItem.revision.add(1))
    actions += _filed(row, hour_number(row))
    # A counter row is born by its first addition, so there is nothing that a condition could ask for.
    return dynamodb.update(StatsItem(*row), actions, _anything())


def _anything() -> Any:
    return StatsItem.partition.does_not_exist() | StatsItem.partition.exists()


def _filed(row: Row, hour: int | None) -> list[Action]:
    day = day_number(row)
    actions: list[Action] = [] if day is None else [StatsItem.expires_at.set((day + 1) * 86_400 + _kept_seconds())]
    return actions if hour is None else [*actions, StatsItem.hour.set(hour)]


def _kept_seconds() -> int:
    """Figures outlive the tasks they were made from: over a year, where tasks are kept for a month."""
    return 13 * settings().retention_days * 86_400


def replaced(row: Row, counts: Counts, names: Iterable[str], before: Stored, hour: int | None = None) -> Write:
    """The write of a recount: the named counters are set, on the condition that the row is as it was read.

    `hour` (since the epoch) files the row under that hour in the index.
    """
    actions: list[Action] = [_set(getattr(StatsItem, name), counts[name]) for name in names]
    actions += [StatsItem.revision.add(1), StatsItem.closed.set(True)]
    actions += _filed(row, hour)
    unchanged = StatsItem.revision == before.revision if before.revision else StatsItem.revision.does_not_exist()
    return dynamodb.update(StatsItem(*row), actions, unchanged)


def _set(attribute: NumberAttribute, value: int) -> Action:
    return attribute.set(value) if value else attribute.remove()


def partition(name: str, beginning: str | None = None) -> dict[str, Stored]:
    """The rows of a partition, as of now, by row name: all, or those whose name begins so."""
    wanted = StatsItem.row.startswith(beginning) if beginning is not None else None
    with dynamodb.reading():
        return {item.row: _parse(item) for item in StatsItem.query(name, wanted, consistent_read=True)}


def find(row: Row) -> Stored:
    """One row as of now; zeros when it has not been written."""
    with dynamodb.reading():
        try:
            return _parse(StatsItem.get(*row, consistent_read=True))
        except StatsItem.DoesNotExist:
            return Stored(Counts(), 0)


def find_many(rows: Iterable[Row]) -> dict[Row, Counts]:
    """The figures of several rows, as of now, in one call for each hundred; zeros for those not written."""
    wanted = list(dict.fromkeys(rows))
    with dynamodb.reading():
        found = {
            (item.partition, item.row): _parse(item).counts
            for item in StatsItem.batch_get(wanted, consistent_read=True)
        }
    return {row: found.get(row, Counts()) for row in wanted}


def active_in(hour: int) -> list[Row]:
    """The hour rows of all pools in which anything happened in that hour (hours since the epoch)."""
    with dynamodb.reading():
        return [(item.partition, item.row) for item in StatsItem.by_hour.query(hour)]


def _parse(item: StatsItem) -> Stored:
    values = {name: int(getattr(item, name)) for name in COUNTERS if getattr(item, name) is not None}
    return Stored(Counts(values), int(item.revision or 0), bool(item.closed))
