"""Contents with their texts, and posts by slug."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from chalicelib.domain.contents.content import Content, Details, Entry, Label, Post, Status, entries
from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write
from chalicelib.storage.contents import lists
from chalicelib.storage.contents.lists import Total
from chalicelib.storage.contents.table import (
    CONTENT_RANK,
    HTML_RANK,
    POST_RANK,
    TEXT_RANK,
    ContentsTable,
    content_partition,
    slug_partition,
    unconditional,
)


class Found(NamedTuple):
    """Contents or posts that exist, by their keys in a list, and the list's total; None when it never had an entry."""

    contents: dict[str, Content]
    posts: dict[str, Post]
    total: Total | None


def create_writes(details: Details) -> list[Write]:
    """The writes of a new content. The first is refused when its id is taken."""
    content = details.content
    put = dynamodb.put(_item(content), ContentsTable.partition.does_not_exist())
    return [put, _text_write(details), *lists.move_writes(content.org, {}, _places(content), content.updated_at)]


def update_writes(old: Details, new: Details, html: str | None) -> list[Write]:
    """The writes from `old` to `new`. The first is refused when somebody wrote since `old` was read.

    `html` is that of an approved content, or of the post that a published one has already.
    """
    writes = [_content_write(old.content, new.content)]
    if new.text != old.text:
        writes.append(_text_write(new))
    if html is not None:
        item = _post_item(Post(new.content, html)) if new.content.is_published else _html_item(new.content, html)
        writes.append(dynamodb.put(item, unconditional()))
    return [*writes, *_move_writes(old.content, new.content)]


def publish_writes(old: Content, post: Post) -> list[Write]:
    """The writes that make an approved content a post. The first is refused when somebody wrote since it was read, the
    second when another content has the slug."""
    claim = dynamodb.put(_post_item(post), ContentsTable.partition.does_not_exist())
    spent = dynamodb.delete(_html_key(old.org, old.id), unconditional())
    return [_content_write(old, post.content), claim, spent, *_move_writes(old, post.content)]


def _content_write(old: Content, new: Content) -> Write:
    return dynamodb.put(_item(new), ContentsTable.version == old.version)


def _move_writes(old: Content, new: Content) -> Iterator[Write]:
    return lists.move_writes(new.org, _places(old), _places(new), new.updated_at)


def delete_writes(content: Content, now: int) -> list[Write]:
    """The writes that delete a content and its post. The first is refused when somebody wrote since it was read."""
    others = [_text_key(content.org, content.id), _html_key(content.org, content.id)]
    others += [_post_key(content.org, str(content.slug))] if content.is_published else []
    return [
        dynamodb.delete(_key(content.org, content.id), ContentsTable.version == content.version),
        *(dynamodb.delete(item, unconditional()) for item in others),
        *lists.move_writes(content.org, _places(content), {}, now),
    ]


def _places(content: Content) -> dict[str, Entry]:
    return {entry.list: entry for entry in entries(content)}


def find(org: str, content_id: str) -> Details | None:
    """The content with its text, as of one moment, or None. One call."""
    raw_content, raw_text = dynamodb.read_together(_key(org, content_id), _text_key(org, content_id))
    if raw_content is None or raw_text is None:
        return None
    return Details(from_raw(raw_content), str(ContentsTable.from_raw_data(raw_text).text))


def find_with_html(org: str, content_id: str) -> Post | None:
    """The content with the HTML that it was approved with, as of one moment, or None. One call. A content that waits
    for no publication has an empty one."""
    raw_content, raw_html = dynamodb.read_together(_key(org, content_id), _html_key(org, content_id))
    if raw_content is None:
        return None
    return Post(from_raw(raw_content), str(ContentsTable.from_raw_data(raw_html).html) if raw_html else "")


def find_post(org: str, slug: str) -> Post | None:
    """The post with this slug as of now, or None. One call."""
    with dynamodb.reading():
        try:
            key = _post_key(org, slug)
            return _parse_post(ContentsTable.get(key.partition, key.rank, consistent_read=True))
        except ContentsTable.DoesNotExist:
            return None


def find_entries(org: str, name: str, places: Sequence[Entry], *, are_posts: bool) -> Found:
    """What the entries of a list stand for, and the list's total, as of now. One call for each hundred items."""
    key_of = _post_key if are_posts else _key
    keys = [lists.total_key(org, name), *(key_of(org, key) for key in {entry.key: None for entry in places})]
    result = Found({}, {}, None)
    for _, raw in batch_get.read([batch_get.key_of(key) for key in keys]):
        item = ContentsTable.from_raw_data(raw)
        if item.facts is None:
            result = result._replace(total=lists.parse_total(item))
        elif are_posts:
            post = _parse_post(item)
            result.posts[str(post.content.slug)] = post
        else:
            content = _parse(item)
            result.contents[content.id] = content
    return result


def _key(org: str, content_id: str) -> ContentsTable:
    return ContentsTable(content_partition(org, content_id), CONTENT_RANK)


def _text_key(org: str, content_id: str) -> ContentsTable:
    return ContentsTable(content_partition(org, content_id), TEXT_RANK)


def _html_key(org: str, content_id: str) -> ContentsTable:
    return ContentsTable(content_partition(org, content_id), HTML_RANK)


def _post_key(org: str, slug: str) -> ContentsTable:
    return ContentsTable(slug_partition(org, slug), POST_RANK)


def _item(content: Content) -> ContentsTable:
    item = _key(content.org, content.id)
    item.version, item.facts = content.version, _facts(content)
    return item


def _post_item(post: Post) -> ContentsTable:
    item = _post_key(post.content.org, str(post.content.slug))
    item.facts, item.html = _facts(post.content), post.html
    return item


def _html_item(content: Content, html: str) -> ContentsTable:
    item = _html_key(content.org, content.id)
    item.html = html
    return item


def _text_write(details: Details) -> Write:
    item = _text_key(details.content.org, details.content.id)
    item.text = details.text
    return dynamodb.put(item, unconditional())


def _facts(content: Content) -> dict[str, Any]:
    return {name: value for name, value in asdict(content).items() if value not in (None, ())}


def _parse(item: ContentsTable) -> Content:
    facts = dict(item.facts)
    category = facts.get("category")
    return Content(
        **facts
        | {
            "status": Status(facts["status"]),
            "category": Label(*category) if category is not None else None,
            "tags": tuple(Label(*tag) for tag in facts.get("tags", ())),
        }
    )


def _parse_post(item: ContentsTable) -> Post:
    return Post(_parse(item), str(item.html))


def from_raw(raw: RawItem) -> Content:
    """The content of a raw item."""
    return _parse(ContentsTable.from_raw_data(raw))
