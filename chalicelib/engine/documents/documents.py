"""What can be done with any document: create, get, change, delete. A kind's own rules stand in its own module."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib import clock, ids
from chalicelib.domain.document import Document
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Refused, Write
from chalicelib.storage.documents import documents as storage

Decision = Callable[[Document], Document]

PREFIXES = {"project": "proj", "notification": "notif", "client": "client"}
"""What ids of a kind begin with, where that is not the kind itself."""


def new(
    org: str,
    kind: str,
    body: Mapping[str, Any],
    *,
    parent: str | None = None,
    id: str | None = None,
    by: str | None = None,
    expires_at: int | None = None,
) -> Document:
    """A document that is not stored yet, under a fresh id unless one is named."""
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
        expires_at=expires_at,
    )


def create(document: Document, also: Sequence[Write] = ()) -> Document:
    """Store a new document; `also` is written in the same transaction. Raises Conflict when its id is taken."""
    try:
        dynamodb.commit(storage.created(document), *also)
    except Refused as refused:
        stored = refused.items[0]
        if not refused.failed[0]:
            raise
        if stored is None or storage.from_raw(stored) != document:  # else this very write, sent again by the client
            raise Conflict(f"{document.kind.capitalize()} {document.id} exists already") from None
    return document


def get(org: str, kind: str, identifier: str, parent: str | None = None) -> Document:
    """The document as of now. Raises NotFound, also for another tenant's."""
    found = storage.find(org, kind, identifier, parent)
    if found is None:
        raise NotFound(kind.capitalize(), identifier)
    return found


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
    """Read, decide, write on the condition that nobody wrote in between; think again if somebody did.

    Deciding for the same document writes nothing. `also`, of the old and the new one, is written in the same
    transaction. Raises NotFound.
    """

    def attempt() -> Document:
        old = get(org, kind, identifier, parent)
        decided = decide(old)
        if decided is old:
            return old
        new = replace(decided, version=old.version + 1, updated_at=clock.now(), changed_by=by)
        writes = [storage.changed(old, new), *(also(old, new) if also is not None else ())]
        optimistic.commit_change(new, storage.from_raw, writes)
        return new

    return optimistic.retry(attempt)


def merge(
    org: str, kind: str, identifier: str, said: Mapping[str, Any], *, parent: str | None = None, by: str | None = None
) -> Document:
    """Set the fields that are said of a document's body and leave the others. Raises NotFound."""

    def decide(found: Document) -> Document:
        body = {**found.body, **said}
        return found if body == found.body else replace(found, body=body)

    return change(org, kind, identifier, decide, parent=parent, by=by)


def delete(
    org: str,
    kind: str,
    identifier: str,
    parent: str | None = None,
    also: Callable[[Document], Sequence[Write]] = lambda _: (),
) -> Document:
    """Remove a document and answer it as it was; `also`, of what it was, is written in the same transaction. Raises
    NotFound."""

    def attempt() -> Document:
        document = get(org, kind, identifier, parent)
        try:
            dynamodb.commit(storage.deleted(document), *also(document))
        except Refused as refused:
            if not refused.failed[0]:
                raise
            raise StaleRead from None
        return document

    return optimistic.retry(attempt)
