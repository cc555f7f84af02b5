"""API keys of users, for programs: `ak_<id><secret><checksum>`, shown once and kept as a fingerprint.

The checksum tells a mistyped key, or another text, from a key without a call. A key is looked up together with its
owner and remembered for 10 seconds, so that it never may more than its owner may now.
"""

import zlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from chalicelib.engine.security import authentication, encryption
from chalicelib.engine.security.authentication import Principal
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import Conflict, NotFound, Unauthenticated, Unavailable
from chalicelib.storage.access import api_keys as storage
from chalicelib.storage.access.api_keys import ApiKey as ApiKey
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.documents import documents as document_storage

PREFIX = "ak_"
ID, SECRET, CHECKSUM = 16, 32, 6
"""Characters of base62 of each part: 95 and 190 random bits, and 32 bits of CRC."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MOST = 50
"""Of one user."""
NOTED_EVERY = 5 * clock.MINUTE
"""How old a key's latest use may be before a new one is written down."""


class Owned(NamedTuple):
    """A key and the user whose it is, as they were read."""

    key: ApiKey
    user: Document


_known: TtlCache[str, Owned] = TtlCache(10 * clock.SECOND)


class Wanted(NamedTuple):
    """A key that somebody wants. Times in epoch milliseconds; a rate it has not is its owner's plan's."""

    name: str
    permissions: Collection[str]
    expires_at_ms: int | None = None
    requests_per_hour: int | None = None
    burst: int | None = None


def create(org: str, user_id: str, wanted: Wanted) -> tuple[ApiKey, str]:
    """A new key of a user, and its text, which cannot be had again. Two calls.

    Raises NotFound for one who is no user, Conflict where it has as many as it may.
    """
    text = _drawn()
    return _given(org, user_id, text, wanted), text


def establish(org: str, user_id: str, text: str, wanted: Wanted) -> None:
    """A key whose text is known beforehand, unless the user has it: what the local stage begins with. Two calls."""
    _given(org, user_id, text, wanted)


def _given(org: str, user_id: str, text: str, wanted: Wanted) -> ApiKey:
    key = ApiKey(
        id=_id_in(text),
        org=org,
        user_id=user_id,
        fingerprint=encryption.fingerprint(text),
        last4=text[-4:],
        created_at=clock.now(),
        **wanted._replace(permissions=frozenset(wanted.permissions))._asdict(),
    )

    def decide(user: Document) -> Document:
        if key.id in _listed(user):
            return user
        kept = {one: until for one, until in _listed(user).items() if until is None or until > clock.now()}
        if len(kept) >= MOST:
            raise Conflict(f"A user has at most {MOST} API keys: revoke one that is not used")
        return replace(user, body={**user.body, "keys": {**kept, key.id: key.expires_at_ms}})

    documents.change(org, "user", user_id, decide, by=user_id, also=lambda *_: [storage.create_write(key)])
    return key


def _listed(user: Document) -> Mapping[str, int | None]:
    """Ids of a user's keys, with when each expires."""
    listed: Mapping[str, int | None] = user.body.get("keys", {})
    return listed


def every(org: str, user_id: str) -> list[ApiKey]:
    """A user's keys that are good, newest first. Two calls. Raises NotFound for one who is no user."""
    return storage.find_many(list(_listed(documents.get(org, "user", user_id))))


def revoke(org: str, user_id: str, identifier: str) -> None:
    """End a key: at once here, and within 10 seconds everywhere. Raises NotFound when the user has none of this id."""

    def decide(user: Document) -> Document:
        if identifier not in _listed(user):
            raise NotFound("Key", identifier)
        kept = {one: until for one, until in _listed(user).items() if one != identifier}
        return replace(user, body={**user.body, "keys": kept})

    try:
        documents.change(org, "user", user_id, decide, by=user_id, also=lambda *_: [storage.delete_write(identifier)])
    except NotFound:
        raise NotFound("Key", identifier) from None
    _known.remove(identifier)


def caller(text: str) -> Principal:
    """Who calls with an API key: its owner, within the key's permissions and rate. Raises Unauthenticated.

    Two calls for a key that this process has not seen lately, and one more to note its use, at most every five minutes.
    """
    found = _owned(_id_in(text)) if is_key(text) else None
    if found is None or not encryption.has_fingerprint(text, found.key.fingerprint) or _is_over(found.key):
        raise Unauthenticated("Invalid or expired API key")
    _note_use(found)
    key = found.key
    rate = (key.requests_per_hour, key.burst)
    return authentication.principal_from_user(found.user)._replace(key=key.id, scope=key.permissions, rate=rate)


def standing(identifier: str) -> Principal | None:
    """Whose a key is, as of now or lately, within its permissions; None when it is no good any more."""
    found = _owned(identifier)
    if found is None or _is_over(found.key):
        return None
    return authentication.principal_from_user(found.user)._replace(key=identifier, scope=found.key.permissions)


def is_key(text: str) -> bool:
    """Whether the text has the shape of an API key, checksum and all."""
    body = text.removeprefix(PREFIX)
    if not text.startswith(PREFIX) or len(body) != ID + SECRET + CHECKSUM:
        return False
    return body[-CHECKSUM:] == _checksum(body[:-CHECKSUM])


def _owned(identifier: str) -> Owned | None:
    """The key with its owner; None when either is gone or the owner may not sign in."""
    if (known := _known.get(identifier)) is not None:
        return known
    key = storage.find(identifier)
    user = None if key is None else document_storage.find(key.org, "user", key.user_id)
    if key is None or user is None or user.body["status"] != "active" or identifier not in _listed(user):
        return None
    return _known.put(identifier, Owned(key, user))


def _is_over(key: ApiKey) -> bool:
    return key.expires_at_ms is not None and key.expires_at_ms <= clock.now()


def _note_use(found: Owned) -> None:
    """Write down that the key is in use, unless that was done lately. What cannot be written now is later."""
    now, key = clock.now(), found.key
    if key.last_used_at is not None and now - key.last_used_at < NOTED_EVERY:
        return
    _known.put(key.id, Owned(key._replace(last_used_at=now), found.user))
    with suppress(ConditionFailed, Unavailable):
        dynamodb.commit(storage.record_use_write(key.id, now, now - NOTED_EVERY))


def _drawn() -> str:
    """A fresh key."""
    number = int.from_bytes(ids.entropy(2 + (ID + SECRET) * 6 // 8))  # 6 bits for a digit, and 16 against bias
    body = _base62(number, ID + SECRET)
    return f"{PREFIX}{body}{_checksum(body)}"


def _id_in(text: str) -> str:
    return text[len(PREFIX) : len(PREFIX) + ID]


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECKSUM)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
