"""The `stats` table: rows of counters. A rollup replaces a row when its hour or day is over."""

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
    """The pools with events in an hour."""

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
    revision = NumberAttribute(null=True)  # one more with each change
    closed = BooleanAttribute(null=True)  # replaced by a recount
    expires_at = NumberAttribute(null=True)

    by_hour = HourIndex()
    vars().update({name: NumberAttribute(null=True) for name in COUNTERS})


class StoredRow(NamedTuple):
    """A stored row: its counters, and the revision that a replacement requires to be unchanged."""

    counts: Counts
    revision: int
    closed: bool = False


def addition_write(row: Row, counts: Counts) -> Write:
    """The write that adds these counts to a row. The row of an hour is indexed by hour; the rows of a day expire."""
    actions: list[Action] = [getattr(StatsItem, name).add(value) for name, value in counts.values.items() if value]
    actions.append(StatsItem.revision.add(1))
    actions += _index_actions(row, hour_number(row))
    # The first addition creates the row, so there is no condition to check.
    return dynamodb.update(StatsItem(*row), actions, _unconditional())


def _unconditional() -> Any:
    return StatsItem.partition.does_not_exist() | StatsItem.partition.exists()


def _index_actions(row: Row, hour: int | None) -> list[Action]:
    day = day_number(row)
    actions: list[Action] = [] if day is None else [StatsItem.expires_at.set((day + 1) * 86_400 + _retention_s())]
    return actions if hour is None else [*actions, StatsItem.hour.set(hour)]


def _retention_s() -> int:
    """Counters are kept 13 times as long as tasks: over a year, where tasks are kept for a month."""
    return 13 * settings().retention_days * 86_400


def replacement_write(
    row: Row, counts: Counts, names: Iterable[str], before: StoredRow, hour: int | None = None
) -> Write:
    """The write that sets the named counters to a recount, on condition that the row is as it was read.

    `hour` (since the epoch) is the hour to index the row under.
    """
    actions: list[Action] = [_set(getattr(StatsItem, name), counts[name]) for name in names]
    actions += [StatsItem.revision.add(1), StatsItem.closed.set(True)]
    actions += _index_actions(row, hour)
    unchanged = StatsItem.revision == before.revision if before.revision else StatsItem.revision.does_not_exist()
    return dynamodb.update(StatsItem(*row), actions, unchanged)


def _set(attribute: NumberAttribute, value: int) -> Action:
    return attribute.set(value) if value else attribute.remove()


def read_partition(name: str, prefix: str | None = None) -> dict[str, StoredRow]:
    """The rows of a partition as of now, by row name: all, or those whose name has this prefix."""
    condition = StatsItem.row.startswith(prefix) if prefix is not None else None
    with dynamodb.reading():
        return {item.row: _parse(item) for item in StatsItem.query(name, condition, consistent_read=True)}


def find(row: Row) -> StoredRow:
    """One row as of now; zeros when it does not exist."""
    with dynamodb.reading():
        try:
            return _parse(StatsItem.get(*row, consistent_read=True))
        except StatsItem.DoesNotExist:
            return StoredRow(Counts(), 0)


def find_many(rows: Iterable[Row]) -> dict[Row, Counts]:
    """The counters of several rows as of now; zeros for rows that do not exist. One call for each hundred."""
    keys = list(dict.fromkeys(rows))
    with dynamodb.reading():
        counts = {
            (item.partition, item.row): _parse(item).counts for item in StatsItem.batch_get(keys, consistent_read=True)
        }
    return {row: counts.get(row, Counts()) for row in keys}


def active_hour_rows(hour: int) -> list[Row]:
    """The hour rows of all pools with events in this hour (hours since the epoch)."""
    with dynamodb.reading():
        return [(item.partition, item.row) for item in StatsItem.by_hour.query(hour)]


def _parse(item: StatsItem) -> StoredRow:
    values = {name: int(getattr(item, name)) for name in COUNTERS if getattr(item, name) is not None}
    return StoredRow(Counts(values), int(item.revision or 0), bool(item.closed))
