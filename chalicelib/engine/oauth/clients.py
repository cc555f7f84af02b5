"""Applications that act for users: registered by an admin of the org whose users they may ask."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from chalicelib import ids
from chalicelib.domain.accounts import redirect_uris as redirects
from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from chalicelib.engine.security import encryption
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.access import oauth as storage
from chalicelib.storage.documents import documents as document_storage

KIND = "client"
LONGEST_ID = 128
MOST = 100
"""Of one org: few enough to be listed at once."""


class Client(NamedTuple):
    """An application, as it is registered."""

    id: str
    org: str
    name: str
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    """The permissions it may ask for, in the order in which they were registered."""
    fingerprint: str | None
    """Of its secret; None for a public application, which can keep none."""
    created_at: int

    @property
    def public(self) -> bool:
        return self.fingerprint is None

    def redirect(self, asked: str | None) -> str | None:
        """Where a request may send the browser back to; None when it may not. One that names no place gets the only
        one there is."""
        if asked is None:
            return self.redirect_uris[0] if len(self.redirect_uris) == 1 else None
        return asked if any(redirects.matches(one, asked) for one in self.redirect_uris) else None


class Registration(NamedTuple):
    """What an admin says of an application."""

    name: str
    redirect_uris: Sequence[str]
    scopes: Sequence[str]
    public: bool


def register(org: str, by: str, said: Registration) -> tuple[Client, str | None]:
    """Register an application; returns its secret too, which is not known again, unless it is public.

    Raises Conflict beyond MOST of an org.
    """
    if len(document_storage.find_page(org, KIND, limit=MOST)) >= MOST:
        raise Conflict(f"At most {MOST} applications can be registered; delete one that is not used any more")
    secret = None if said.public else ids.secret("cs")
    return _created(_document(org, said, secret, by=by)), secret


def seed(org: str, client_id: str, secret: str, said: Registration) -> None:
    """Register an application under an id and secret known beforehand, unless it is there: the local stage's own."""
    with suppress(Conflict):
        _created(_document(org, said, secret, id=client_id))


def _document(
    org: str, said: Registration, secret: str | None, *, id: str | None = None, by: str | None = None
) -> Document:
    body = {
        "name": said.name,
        "redirect_uris": list(said.redirect_uris),
        "scopes": list(said.scopes),
        "fingerprint": None if secret is None else encryption.fingerprint(secret),
    }
    return documents.new(org, KIND, body, id=id, by=by)


def _created(document: Document) -> Client:
    return _parse(documents.create(document, [storage.add_client_write(document.id, document.org)]))


def every(org: str) -> list[Client]:
    """The org's applications, newest first. One call."""
    return [_parse(one) for one in document_storage.find_page(org, KIND, limit=MOST)]


def remove(org: str, client_id: str) -> None:
    """Forget an application: what it was granted ends with it. Raises NotFound."""
    documents.delete(org, KIND, client_id, also=lambda _: [storage.remove_client_write(client_id)])


def find(client_id: str) -> Client | None:
    """The application, whosever it is. Two calls."""
    org = storage.find_client_org(client_id) if len(client_id) <= LONGEST_ID else None
    return None if org is None else find_of(org, client_id)


def find_of(org: str, client_id: str) -> Client | None:
    """The org's application. One call."""
    with suppress(NotFound):
        return _parse(documents.get(org, KIND, client_id))
    return None


def _parse(document: Document) -> Client:
    body = document.body
    return Client(
        id=document.id,
        org=document.org,
        name=body["name"],
        redirect_uris=tuple(body["redirect_uris"]),
        scopes=tuple(body["scopes"]),
        fingerprint=body["fingerprint"],
        created_at=document.created_at,
    )
