"""Applications that act for users. An admin registers them for the users of an org."""

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
MAX_ID_LENGTH = 128
MAX_CLIENTS = 100
"""Of one org: few enough to be listed in one call."""


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

    def redirect(self, requested: str | None) -> str | None:
        """The URL that a request may send the browser to; None when it may not. A request that names none gets the
        only registered one."""
        if requested is None:
            return self.redirect_uris[0] if len(self.redirect_uris) == 1 else None
        return requested if any(redirects.matches(registered, requested) for registered in self.redirect_uris) else None


class Registration(NamedTuple):
    """What an admin registers."""

    name: str
    redirect_uris: Sequence[str]
    scopes: Sequence[str]
    public: bool


def register(org: str, by: str, registration: Registration) -> tuple[Client, str | None]:
    """Register an application; returns it and its secret, which cannot be read again. A public one has none.

    Raises Conflict beyond MOST of an org.
    """
    if len(document_storage.find_page(org, KIND, limit=MAX_CLIENTS)) >= MAX_CLIENTS:
        raise Conflict(f"At most {MAX_CLIENTS} applications can be registered; delete one that is not used any more")
    secret = None if registration.public else ids.secret("cs")
    return _create(_document(org, registration, secret, by=by)), secret


def ensure_client(org: str, client_id: str, secret: str, registration: Registration) -> None:
    """Register an application with a given id and secret, unless it exists: the example of the local stack."""
    with suppress(Conflict):
        _create(_document(org, registration, secret, id=client_id))


def _document(
    org: str, registration: Registration, secret: str | None, *, id: str | None = None, by: str | None = None
) -> Document:
    body = {
        "name": registration.name,
        "redirect_uris": list(registration.redirect_uris),
        "scopes": list(registration.scopes),
        "fingerprint": None if secret is None else encryption.fingerprint(secret),
    }
    return documents.new(org, KIND, body, id=id, by=by)


def _create(document: Document) -> Client:
    return _parse(documents.create(document, [storage.add_client_write(document.id, document.org)]))


def list_clients(org: str) -> list[Client]:
    """The org's applications, newest first. One call."""
    return [_parse(one) for one in document_storage.find_page(org, KIND, limit=MAX_CLIENTS)]


def delete(org: str, client_id: str) -> None:
    """Delete an application. Its grants end with it. Raises NotFound."""
    documents.delete(org, KIND, client_id, also=lambda _: [storage.remove_client_write(client_id)])


def find(client_id: str) -> Client | None:
    """The application, of any org. Two calls."""
    org = storage.find_client_org(client_id) if len(client_id) <= MAX_ID_LENGTH else None
    return None if org is None else find_in_org(org, client_id)


def find_in_org(org: str, client_id: str) -> Client | None:
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
