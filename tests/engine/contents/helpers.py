"""Contents of tests, and what must be true of all that are stored."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from chalicelib.domain.contents.content import Content, Details, Entry, entries
from chalicelib.engine.contents import contents, publication
from chalicelib.engine.contents.contents import Draft
from chalicelib.storage.contents import contents as storage
from chalicelib.storage.contents import lists
from chalicelib.storage.contents.table import (
    BLOCK_SIZE,
    CONTENT_RANK,
    POST_RANK,
    ContentsTable,
    block_rank,
    list_partition,
)
from tests.support import aws
from tests.support.world import ORG

DRAFT = Draft("A title", "Some *words*", category="Technology", tags=("AI", "Tech"))


def create(title: str = "A title", org: str = ORG, **fields: Any) -> Content:
    """A new draft."""
    return contents.create(org, DRAFT._replace(title=title, **fields), by="ann").content


def publish(title: str = "A title", org: str = ORG, **fields: Any) -> Content:
    """A published content."""
    made = create(title, org, **fields)
    contents.approve(org, made.id, "ann")
    return publication.publish(org, made.id)


def reload(content: Content) -> Details:
    return contents.get(content.org, content.id)


def stored_contents(rank: str = CONTENT_RANK) -> list[Content]:
    """Every stored content; or those of the stored posts."""
    return [storage._parse(item) for item in aws.items(ContentsTable) if item.rank == rank]


READ_BLOCKS = (0, 100, 198, 199, 200)
"""The blocks of 100,000 posts whose entries are stored: those that tests read."""


def store_others(count: int) -> None:
    """Store the counts of so many posts beside one, and entries for them."""
    with ContentsTable.batch_write() as batch:
        for item in _other_posts(count):
            batch.save(item)


def _other_posts(count: int) -> Iterator[ContentsTable]:
    """The counts of so many posts more, and the entries of those blocks that a test reads."""
    total = lists.total_key(ORG, "posts")
    total.total = count + 1
    yield total
    for block in range(count // BLOCK_SIZE + 1):
        numbers = [number for number in range(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE) if number <= count]
        yield ContentsTable(list_partition(ORG, "posts"), block_rank(block), total=len(numbers))
        if block in READ_BLOCKS or count < BLOCK_SIZE:
            for number in numbers:
                yield lists._entry(ORG, Entry("posts", number, f"p-{number}"))


def require_consistent() -> None:
    """Raise AssertionError unless every list, total and post follows from the stored contents."""
    items, expected, blocks, slugs = aws.items(ContentsTable), Counter[str](), Counter[str](), Counter[str]()
    rows = set()
    for content in stored_contents():
        for entry in entries(content):
            expected[f"{content.org}#lists {entry.list}"] += 1
            blocks[f"{content.org}#list#{entry.list} ~b#{entry.number // BLOCK_SIZE:08d}"] += 1
            rows.add((f"{content.org}#list#{entry.list}", f"{entry.number:010d}", entry.key, entry.chars))
        if content.is_published:
            slugs[f"{content.org} {content.slug}"] += 1
    found = {f"{item.partition} {item.rank}": int(item.total) for item in items if item.total}
    assert found == expected + blocks
    assert {(one.partition, one.rank, one.key, int(one.chars or 0)) for one in items if one.key is not None} == rows
    assert {f"{one.org} {one.slug}" for one in stored_contents(POST_RANK)} == set(slugs)
    assert set(slugs.values()) <= {1}, "two contents have one slug"
    assert {one.id: one for one in stored_contents(POST_RANK)} == {
        one.id: one for one in stored_contents() if one.is_published
    }
    assert {one.partition for one in items if one.text is not None} == {
        f"{one.org}#content#{one.id}" for one in stored_contents()
    }
