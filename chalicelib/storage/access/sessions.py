"""Sessions, in the `access` table: each is a family of refresh tokens, of which only the latest is valid.

A session stores only the id of its user. `find` reads the user in the same call: so the role is the present one, and a
deleted user has no session.
"""

from typing import NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.storage.access.oauth import ClientItem, client_key
from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.aws.batch_get import key_of
from chalicelib.storage.aws.dynamodb import ConditionFailed, Item, RawItem, Write
from chalicelib.storage.documents import documents
from chalicelib.storage.documents.documents import DocumentItem


class SessionItem(AccessTable):
    org = UnicodeAttribute()
    user_id = UnicodeAttribute()
    generation = NumberAttribute()
    begun_at = NumberAttribute()
    renewed_at = NumberAttribute()
    previous_at = NumberAttribute(default=0)
    era = UnicodeAttribute()
    client_id = UnicodeAttribute(null=True)
    scope = UnicodeAttribute(null=True)


class Session(NamedTuple):
    """One session; times in epoch milliseconds."""

    id: str
    org: str
    user_id: str
    generation: int
    """Of the refresh token that is valid; grows by one with each renewal."""
    begun_at: int
    renewed_at: int
    previous_at: int
    """The renewal before the latest one; 0 when there was none."""
    expires_at_ms: int
    era: str
    """The era of its user's password: another password begins another era."""
    client_id: str | None = None
    """The OAuth client that has it; None for the user's own session."""
    scope: str | None = None
    """The permissions that it is limited to, with spaces between them."""


class SessionAndUser(NamedTuple):
    """A session with its user, as of now."""

    session: Session
    user: Document


def create_write(session: Session) -> Write:
    """The write of a new session."""
    values = {name: value for name, value in session._asdict().items() if value is not None}
    del values["id"], values["expires_at_ms"]
    values["expires_at_s"] = session.expires_at_ms // clock.SECOND
    return dynamodb.put(SessionItem(_key(session.id), **values), SessionItem.id.does_not_exist())


def renew(identifier: str, generation: int, now: int, expires_at_ms: int) -> tuple[bool, Session | None]:
    """Use the refresh token of this generation, once. Returns whether it was still valid, and the session as it now is.
    One call."""
    actions = [
        SessionItem.generation.set(generation + 1),
        SessionItem.previous_at.set(SessionItem.renewed_at),
        SessionItem.renewed_at.set(now),
        SessionItem.expires_at_s.set(expires_at_ms // clock.SECOND),
    ]
    write = dynamodb.update(SessionItem(_key(identifier)), actions, SessionItem.generation == generation)
    try:
        return True, _parse(dynamodb.commit(write, returning="ALL_NEW"))
    except ConditionFailed as error:
        return False, None if error.items[0] is None else _parse(error.items[0])


def delete_write(identifier: str, client_id: str | None) -> Write:
    """The write that ends a session, refused unless it belongs to this client, or to none for None."""
    is_own = SessionItem.client_id.does_not_exist() if client_id is None else SessionItem.client_id == client_id
    return dynamodb.delete(SessionItem(_key(identifier)), is_own)


def find(identifier: str, org: str, user_id: str, client_id: str | None) -> SessionAndUser | None:
    """The session with its user, as of now; None when one of them, or the client, does not exist. One call."""
    keys: list[Item] = [SessionItem(_key(identifier)), DocumentItem(documents.partition_key(org, "user"), user_id)]
    keys += [] if client_id is None else [ClientItem(client_key(client_id))]
    items = list(batch_get.read([*map(key_of, keys)]))
    if len(items) < len(keys):
        return None
    session = next(_parse(raw) for _, raw in items if raw.get("id") == {"S": _key(identifier)})
    user = next(documents.from_raw(raw) for _, raw in items if "shelf" in raw)
    return SessionAndUser(session, user) if session.expires_at_ms > clock.now() else None


def _parse(raw: RawItem) -> Session:
    item = SessionItem.from_raw_data(raw)
    return Session(
        id=item.id.removeprefix(_key("")),
        org=item.org,
        user_id=item.user_id,
        generation=int(item.generation),
        begun_at=int(item.begun_at),
        renewed_at=int(item.renewed_at),
        previous_at=int(item.previous_at),
        expires_at_ms=int(item.expires_at_s) * clock.SECOND,
        era=item.era,
        client_id=item.client_id,
        scope=item.scope,
    )


def _key(identifier: str) -> str:
    return f"session#{identifier}"
