"""The `documents` table: the tenants' own records, one shelf for each kind of each org, or of what it belongs to.

Ids are ordered by time, so that a shelf read backwards is newest first, strongly consistent and without an index.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Item, RawItem, Write
from chalicelib.storage.tasks.table import CompactJson


class DocumentItem(Item):
    class Meta:
        setting = "documents_table"
        stream = True
        ttl = "expires_at"

    shelf = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    org = UnicodeAttribute()
    kind = UnicodeAttribute()
    parent = UnicodeAttribute(null=True)
    body = CompactJson(null=True)
    version = NumberAttribute()
    created_at = NumberAttribute()
    updated_at = NumberAttribute()
    changed_by = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)  # epoch seconds


_FIELDS = tuple(field.name for field in fields(Document))


def shelf(org: str, kind: str, parent: str | None = None) -> str:
    """Partition of the documents of one kind of an org, or of those that belong to `parent`."""
    return f"{org}#{kind}" if parent is None else f"{org}#{kind}#{parent}"


def created(document: Document) -> Write:
    """The write of a new document, refused when there is one of this id on its shelf."""
    return dynamodb.put(_item(document), DocumentItem.id.does_not_exist())


def changed(old: Document, new: Document) -> Write:
    """The write from `old` to `new`, on the condition that nobody wrote since `old` was read."""
    return dynamodb.put(_item(new), DocumentItem.version == old.version)


def deleted(document: Document) -> Write:
    """The write that removes a document, on the condition that nobody wrote since it was read."""
    return dynamodb.delete(_key(document), DocumentItem.version == document.version)


def unchanged(document: Document) -> Write:
    """The check, within a transaction, that a document is still there as it was read."""
    key, condition = _key(document), DocumentItem.version == document.version
    return dynamodb.check(key, condition)


def there(org: str, kind: str, identifier: str, parent: str | None = None) -> Write:
    """The check, within a transaction, that there is such a document."""
    return dynamodb.check(DocumentItem(shelf(org, kind, parent), identifier), DocumentItem.id.exists())


def find(org: str, kind: str, identifier: str, parent: str | None = None) -> Document | None:
    """The document as of now, or None."""
    with dynamodb.reading():
        try:
            item = DocumentItem.get(shelf(org, kind, parent), identifier, consistent_read=True)
        except DocumentItem.DoesNotExist:
            return None
    return None if _expired(item) else parse(item)


def find_many(org: str, kind: str, identifiers: Iterable[str], parent: str | None = None) -> dict[str, Document]:
    """Those of the documents that exist, as of now, by id; one call for each hundred."""
    keys = [(shelf(org, kind, parent), one) for one in dict.fromkeys(identifiers)]
    with dynamodb.reading():
        found = DocumentItem.batch_get(keys, consistent_read=True) if keys else ()
        return {item.id: parse(item) for item in found if not _expired(item)}


def page(
    org: str, kind: str, parent: str | None = None, *, after: str | None = None, limit: int = 100, newest: bool = True
) -> list[Document]:
    """Up to `limit` documents of a shelf after an id, as of now, newest first or oldest first. One call."""
    with dynamodb.reading():
        found = DocumentItem.query(
            shelf(org, kind, parent),
            _behind(after, newest),
            consistent_read=True,
            scan_index_forward=not newest,
            limit=limit,
            page_size=limit,
        )
        return [parse(item) for item in found if not _expired(item)]


def every(org: str, kind: str, parent: str | None = None, *, newest: bool = True) -> Iterator[Document]:
    """All documents of a shelf, newest or oldest first, as of now; one call for each megabyte, read as they are asked
    for."""
    with dynamodb.reading():
        for item in DocumentItem.query(shelf(org, kind, parent), consistent_read=True, scan_index_forward=not newest):
            if not _expired(item):
                yield parse(item)


def _behind(after: str | None, newest: bool) -> Condition | None:
    if after is None:
        return None
    return DocumentItem.id < after if newest else DocumentItem.id > after


def _key(document: Document) -> DocumentItem:
    return DocumentItem(shelf(document.org, document.kind, document.parent), document.id)


def _item(document: Document) -> DocumentItem:
    values = {name: getattr(document, name) for name in _FIELDS if name != "id"}
    values["body"] = dict(document.body)
    if document.expires_at is not None:
        values["expires_at"] = document.expires_at // clock.SECOND
    kept: Mapping[str, Any] = {name: value for name, value in values.items() if value is not None}
    return DocumentItem(shelf(document.org, document.kind, document.parent), document.id, **kept)


def _expired(item: DocumentItem) -> bool:
    return item.expires_at is not None and item.expires_at * clock.SECOND <= clock.now()


def parse(item: DocumentItem) -> Document:
    """The stored item as a value."""
    values = {name: getattr(item, name) for name in _FIELDS}
    values["body"] = item.body or {}
    if item.expires_at is not None:
        values["expires_at"] = int(item.expires_at) * clock.SECOND
    return Document(**values)


def from_raw(raw: RawItem) -> Document:
    """A raw item, of a stream record or a refused write, as a value."""
    return parse(DocumentItem.from_raw_data(raw))
