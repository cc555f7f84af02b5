"""The lists that show contents and posts: entries by number, with totals that change in the same transactions."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from chalicelib.domain.contents.content import Entry
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.contents.table import (
    BLOCK_SIZE,
    ContentsTable,
    block_rank,
    entry_rank,
    list_partition,
    totals_partition,
    unconditional,
)


class Total(NamedTuple):
    """How many entries a list has, the label that it is of, and when it changed, in epoch milliseconds."""

    list: str
    entries: int
    label: str | None
    changed_at: int


def issue_number(org: str, name: str) -> int:
    """The number of the next entry of a list. One call; a number that is not used leaves a gap."""
    key = ContentsTable(totals_partition(org), f"#{name}")
    write = dynamodb.update(key, [ContentsTable.issued.add(1)], unconditional())
    return int(dynamodb.commit(write, returning="ALL_NEW")["issued"]["N"])


def move_writes(org: str, before: Mapping[str, Entry], after: Mapping[str, Entry], now: int) -> Iterator[Write]:
    """The writes that take a content from the places it had, by the names of their lists, to those that it gets."""
    for name, entry in before.items():
        if name not in after:
            yield dynamodb.delete(_key(org, entry), unconditional())
            yield from _count_writes(org, entry, -1, now)
    for name, entry in after.items():
        if entry != before.get(name):
            yield dynamodb.put(_entry(org, entry), unconditional())
        if name not in before:
            yield from _count_writes(org, entry, 1, now)


def _entry(org: str, entry: Entry) -> ContentsTable:
    item = _key(org, entry)
    item.key, item.chars = entry.key, entry.chars or None
    return item


def _key(org: str, entry: Entry) -> ContentsTable:
    return ContentsTable(list_partition(org, entry.list), entry_rank(entry.number))


def _count_writes(org: str, entry: Entry, change: int, now: int) -> Iterator[Write]:
    total = ContentsTable(totals_partition(org), entry.list)
    actions = [ContentsTable.total.add(change), ContentsTable.changed_at.set(now)]
    if entry.label is not None and change > 0:  # what is left keeps its name
        actions.append(ContentsTable.label.set(entry.label))
    yield dynamodb.update(total, actions, unconditional())
    block = ContentsTable(list_partition(org, entry.list), block_rank(entry.number // BLOCK_SIZE))
    yield dynamodb.update(block, [ContentsTable.total.add(change)], unconditional())


def read_entries(org: str, name: str, limit: int, last_block: int | None = None) -> list[Entry]:
    """The first entries of a list, among those of this block of numbers and lower ones. One call for a thousand."""
    below = ContentsTable.rank < (block_rank(0) if last_block is None else entry_rank((last_block + 1) * BLOCK_SIZE))
    items = _query(list_partition(org, name), below, limit=limit, page_size=limit, scan_index_forward=False)
    return [Entry(name, int(item.rank), str(item.key), int(item.chars or 0)) for item in items]


def read_blocks(org: str, name: str) -> dict[int, int]:
    """How many entries of a list have numbers in each block, highest block first. One call for each 10,000 blocks."""
    blocks = ContentsTable.rank.startswith(block_rank(0)[:3])
    items = _query(list_partition(org, name), blocks, scan_index_forward=False)
    return {int(item.rank.rpartition("#")[2]): int(item.total or 0) for item in items}


def read_totals(org: str, prefix: str, after: str, limit: int) -> list[Total]:
    """The totals of the lists whose names begin so, in order, after a name; up to `limit`. One call for each
    thousand."""
    names = ContentsTable.rank.between(prefix + after + " ", prefix + "~")
    return [parse_total(item) for item in _query(totals_partition(org), names, limit=limit, page_size=limit)]


def total_key(org: str, name: str) -> ContentsTable:
    """The key of a list's total."""
    return ContentsTable(totals_partition(org), name)


def parse_total(item: ContentsTable) -> Total:
    """The total of an item."""
    return Total(item.rank, int(item.total or 0), item.label, int(item.changed_at or 0))


def _query(partition: str, condition: Any, **how: Any) -> list[ContentsTable]:
    with dynamodb.reading():
        return list(ContentsTable.query(partition, condition, consistent_read=True, **how))
