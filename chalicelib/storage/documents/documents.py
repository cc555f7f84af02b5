"""The `documents` table: the tenants' records. A partition holds the documents of one kind of an org, or of one parent.

Ids are ordered by time: a partition read backwards is newest first, strongly consistent and without an index.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.columns import CompactJson
from chalicelib.storage.aws.dynamodb import Item, RawItem, Write


class DocumentItem(Item):
    class Meta:
        setting = "documents_table"
        stream = True
        ttl = "expires_at"

    partition = UnicodeAttribute(hash_key=True, attr_name="shelf")
    id = UnicodeAttribute(range_key=True)
    org = UnicodeAttribute()
    kind = UnicodeAttribute()
    parent = UnicodeAttribute(null=True)
    body = CompactJson(null=True)
    version = NumberAttribute()
    created_at = NumberAttribute()
    updated_at = NumberAttribute()
    changed_by = UnicodeAttribute(null=True)
    expires_at_s = NumberAttribute(null=True, attr_name="expires_at")  # epoch seconds


_FIELDS = tuple(field.name for field in fields(Document) if field.name != "expires_at_ms")
"""The fields that are stored as they are."""


def partition_key(org: str, kind: str, parent: str | None = None) -> str:
    """The partition of the documents of one kind of an org, or of those that belong to `parent`."""
    return f"{org}#{kind}" if parent is None else f"{org}#{kind}#{parent}"


def create_write(document: Document) -> Write:
    """The write of a new document, refused when there is one with this id."""
    return dynamodb.put(_item(document), DocumentItem.id.does_not_exist())


def update_write(old: Document, new: Document) -> Write:
    """The write from `old` to `new`, on the condition that nobody wrote since `old` was read."""
    return dynamodb.put(_item(new), DocumentItem.version == old.version)


def delete_write(document: Document) -> Write:
    """The write that removes a document, on the condition that nobody wrote since it was read."""
    return dynamodb.delete(_key(document), DocumentItem.version == document.version)


def unchanged_check(document: Document) -> Write:
    """The check, within a transaction, that a document is still there as it was read."""
    key, condition = _key(document), DocumentItem.version == document.version
    return dynamodb.check(key, condition)


def exists_check(org: str, kind: str, identifier: str, parent: str | None = None) -> Write:
    """The check, within a transaction, that the document exists."""
    return dynamodb.check(DocumentItem(partition_key(org, kind, parent), identifier), DocumentItem.id.exists())


def find(org: str, kind: str, identifier: str, parent: str | None = None) -> Document | None:
    """The document as of now, or None."""
    with dynamodb.reading():
        try:
            item = DocumentItem.get(partition_key(org, kind, parent), identifier, consistent_read=True)
        except DocumentItem.DoesNotExist:
            return None
    return None if _is_expired(item) else parse(item)


def find_many(org: str, kind: str, identifiers: Iterable[str], parent: str | None = None) -> dict[str, Document]:
    """The documents that exist, as of now, by id; one call for each hundred ids."""
    keys = [(partition_key(org, kind, parent), identifier) for identifier in dict.fromkeys(identifiers)]
    with dynamodb.reading():
        items = DocumentItem.batch_get(keys, consistent_read=True) if keys else ()
        return {item.id: parse(item) for item in items if not _is_expired(item)}


def find_page(
    org: str, kind: str, parent: str | None = None, *, after: str | None = None, limit: int = 100, newest: bool = True
) -> list[Document]:
    """Up to `limit` documents of a partition after an id, as of now, newest or oldest first. One call."""
    with dynamodb.reading():
        items = DocumentItem.query(
            partition_key(org, kind, parent),
            _after_condition(after, newest),
            consistent_read=True,
            scan_index_forward=not newest,
            limit=limit,
            page_size=limit,
        )
        return [parse(item) for item in items if not _is_expired(item)]


def iter_all(org: str, kind: str, parent: str | None = None, *, newest: bool = True) -> Iterator[Document]:
    """All documents of a partition, newest or oldest first, as of now; one call for each megabyte, made when needed."""
    with dynamodb.reading():
        partition = partition_key(org, kind, parent)
        for item in DocumentItem.query(partition, consistent_read=True, scan_index_forward=not newest):
            if not _is_expired(item):
                yield parse(item)


def _after_condition(after: str | None, newest: bool) -> Condition | None:
    if after is None:
        return None
    return DocumentItem.id < after if newest else DocumentItem.id > after


def _key(document: Document) -> DocumentItem:
    return DocumentItem(partition_key(document.org, document.kind, document.parent), document.id)


def _item(document: Document) -> DocumentItem:
    values = {name: getattr(document, name) for name in _FIELDS if name != "id"}
    values["body"] = dict(document.body)
    if document.expires_at_ms is not None:
        values["expires_at_s"] = document.expires_at_ms // clock.SECOND
    present: Mapping[str, Any] = {name: value for name, value in values.items() if value is not None}
    return DocumentItem(partition_key(document.org, document.kind, document.parent), document.id, **present)


def _is_expired(item: DocumentItem) -> bool:
    return item.expires_at_s is not None and item.expires_at_s * clock.SECOND <= clock.now()


def parse(item: DocumentItem) -> Document:
    """The stored item as a value."""
    values = {name: getattr(item, name) for name in _FIELDS}
    values["body"] = item.body or {}
    if item.expires_at_s is not None:
        values["expires_at_ms"] = int(item.expires_at_s) * clock.SECOND
    return Document(**values)


def from_raw(raw: RawItem) -> Document:
    """A raw item, of a stream record or a refused write, as a value."""
    return parse(DocumentItem.from_raw_data(raw))
