"""Create, get, change and delete documents of any kind. The module of a kind defines its own rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib import clock, ids
from chalicelib.domain.document import Document
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.documents import documents as storage

Decision = Callable[[Document], Document]

PREFIXES = {"project": "proj", "notification": "notif", "client": "client"}
"""Kind -> what its ids begin with, where that is not the kind itself."""


def new(
    org: str,
    kind: str,
    body: Mapping[str, Any],
    *,
    parent: str | None = None,
    id: str | None = None,
    by: str | None = None,
    expires_at_ms: int | None = None,
) -> Document:
    """A document that is not stored yet, under a new id unless one is named."""
    now = clock.now()
    return Document(
        org=org,
        kind=kind,
        id=id or ids.ordered(PREFIXES.get(kind, kind)),
        parent=parent,
        body=body,
        created_at=now,
        updated_at=now,
        changed_by=by,
        expires_at_ms=expires_at_ms,
    )


def create(document: Document, also: Sequence[Write] = ()) -> Document:
    """Store a new document; `also` is written in the same transaction. One call. Raises Conflict when its id is taken,
    and ConditionFailed when only a condition of `also` does not hold."""
    try:
        dynamodb.commit(storage.create_write(document), *also)
    except ConditionFailed as error:
        if not error.failed[0]:
            raise
        if not optimistic.is_stored(document, storage.from_raw, error):
            raise Conflict(f"{document.kind.capitalize()} {document.id} exists already") from None
    return document


def get(org: str, kind: str, identifier: str, parent: str | None = None) -> Document:
    """The document as of now. One call. Raises NotFound, also for another tenant's."""
    document = storage.find(org, kind, identifier, parent)
    if document is None:
        raise NotFound(kind.capitalize(), identifier)
    return document


def change(
    org: str,
    kind: str,
    identifier: str,
    decide: Decision,
    *,
    parent: str | None = None,
    by: str | None = None,
    also: Callable[[Document, Document], Sequence[Write]] | None = None,
) -> Document:
    """Store what `decide` makes of the document; see engine.documents.optimistic. Two calls.

    A decision for the same document writes nothing. The writes of `also`, which is given the old and the new document,
    are in the same transaction. Raises NotFound.
    """

    def attempt() -> Document:
        old = get(org, kind, identifier, parent)
        decided = decide(old)
        if decided is old:
            return old
        new = replace(decided, version=old.version + 1, updated_at=clock.now(), changed_by=by)
        writes = [storage.update_write(old, new), *(also(old, new) if also is not None else ())]
        optimistic.commit_change(new, storage.from_raw, writes)
        return new

    return optimistic.retry(attempt)


def merge(
    org: str, kind: str, identifier: str, fields: Mapping[str, Any], *, parent: str | None = None, by: str | None = None
) -> Document:
    """Set these fields of a document's body and leave the others. Two calls. Raises NotFound."""

    return change(org, kind, identifier, lambda document: with_body(document, fields), parent=parent, by=by)


def with_body(document: Document, fields: Mapping[str, Any]) -> Document:
    """The document with these fields of its body; the same document when it has them."""
    body = {**document.body, **fields}
    return document if body == document.body else replace(document, body=body)


def put(
    org: str,
    kind: str,
    identifier: str,
    decide: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    *,
    by: str | None = None,
    when_created: Sequence[Write] = (),
    expires_at_ms: int | None = None,
) -> Document:
    """Store what `decide` makes of a document's body; where there is no document, of an empty one. Two calls.

    The writes of `when_created` are in the transaction that creates the document. Raises ConditionFailed when only a
    condition of theirs does not hold.
    """

    def attempt() -> Document:
        old = storage.find(org, kind, identifier)
        body = decide(old.body if old is not None else {})
        if old is not None and body == old.body:
            return old
        document, write = next_version(old, new(org, kind, body, id=identifier, by=by, expires_at_ms=expires_at_ms))
        also = when_created if old is None else ()
        optimistic.commit_change(document, storage.from_raw, [write, *also], strict=True)
        return document

    return optimistic.retry(attempt)


def next_version(old: Document | None, draft: Document) -> tuple[Document, Write]:
    """The draft as the document that follows `old`, and the write of it: refused when somebody wrote since `old` was
    read, or since there was no document."""
    if old is None:
        return draft, storage.create_write(draft)
    document = replace(draft, version=old.version + 1, created_at=old.created_at)
    return document, storage.update_write(old, document)


def delete(
    org: str,
    kind: str,
    identifier: str,
    parent: str | None = None,
    also: Callable[[Document], Sequence[Write]] = lambda _: (),
) -> Document:
    """Delete a document and return it as it was; the writes of `also`, which is given the document, are in the same
    transaction. Two calls. Raises NotFound."""

    def attempt() -> Document:
        document = get(org, kind, identifier, parent)
        others = also(document)
        try:
            dynamodb.commit(storage.delete_write(document), *others)
        except ConditionFailed as error:
            if not error.failed[0]:
                raise
            # It was there a moment ago: the answer to this very write was lost, and the AWS client sent it again. It
            # sends a transaction again as the same one.
            if others or error.items[0] is not None:
                raise StaleRead from None
        return document

    return optimistic.retry(attempt)
