"""API keys of users, for programs: `ak_<id><secret><checksum>`. A key is shown once and stored as a fingerprint.

The checksum tells a mistyped key from a real one without a call. A key is read together with its owner and remembered
for 10 seconds, so that it never has a permission that its owner has lost.
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
ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 16, 32, 6
"""Characters of base62 of each part: 95 and 190 random bits, and 32 bits of CRC."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MAX_KEYS = 50
"""Of one user, without expired ones."""
USE_RECORDED_EVERY_MS = 5 * clock.MINUTE
"""The time of a key's latest use is stored at most this often."""


class KeyAndOwner(NamedTuple):
    """A key and its owner, as they were read."""

    key: ApiKey
    user: Document


_recent_keys: TtlCache[str, KeyAndOwner] = TtlCache(10 * clock.SECOND)


class KeyRequest(NamedTuple):
    """A key to be created. Times in epoch milliseconds. Without a rate it has that of its owner's plan."""

    name: str
    permissions: Collection[str]
    expires_at_ms: int | None = None
    requests_per_hour: int | None = None
    burst: int | None = None


def create(org: str, user_id: str, request: KeyRequest) -> tuple[ApiKey, str]:
    """Create a key; returns it and its text, which cannot be read again. Two calls.

    Raises NotFound for an unknown user, Conflict when the user has MAX_KEYS.
    """
    text = _generate()
    return _store(org, user_id, text, request), text


def ensure_key(org: str, user_id: str, text: str, request: KeyRequest) -> None:
    """Create a key with a given text, unless the user has it: the local stack's example key. Two calls."""
    _store(org, user_id, text, request)


def _store(org: str, user_id: str, text: str, request: KeyRequest) -> ApiKey:
    key = ApiKey(
        id=_id_in(text),
        org=org,
        user_id=user_id,
        fingerprint=encryption.fingerprint(text),
        last4=text[-4:],
        created_at=clock.now(),
        **request._replace(permissions=frozenset(request.permissions))._asdict(),
    )

    def decide(user: Document) -> Document:
        if key.id in _key_expiries(user):
            return user
        current = {key_id: at for key_id, at in _key_expiries(user).items() if at is None or at > clock.now()}
        if len(current) >= MAX_KEYS:
            raise Conflict(f"A user has at most {MAX_KEYS} API keys: revoke one that is not used")
        return replace(user, body={**user.body, "keys": {**current, key.id: key.expires_at_ms}})

    documents.change(org, "user", user_id, decide, by=user_id, also=lambda *_: [storage.create_write(key)])
    return key


def _key_expiries(user: Document) -> Mapping[str, int | None]:
    """When each of a user's keys expires, by id."""
    expiries: Mapping[str, int | None] = user.body.get("keys", {})
    return expiries


def list_keys(org: str, user_id: str) -> list[ApiKey]:
    """A user's valid keys, newest first. Two calls. Raises NotFound for an unknown user."""
    return storage.find_many(list(_key_expiries(documents.get(org, "user", user_id))))


def find_keys(org: str, user_id: str) -> list[ApiKey]:
    """As `list_keys`; none for a caller that is no user."""
    with suppress(NotFound):
        return list_keys(org, user_id)
    return []


def revoke(org: str, user_id: str, identifier: str) -> None:
    """Revoke a key: at once in this process, within 10 seconds in others. Raises NotFound unless it is the user's."""

    def decide(user: Document) -> Document:
        if identifier not in _key_expiries(user):
            raise NotFound("Key", identifier)
        others = {key_id: at for key_id, at in _key_expiries(user).items() if key_id != identifier}
        return replace(user, body={**user.body, "keys": others})

    try:
        documents.change(org, "user", user_id, decide, by=user_id, also=lambda *_: [storage.delete_write(identifier)])
    except NotFound:
        raise NotFound("Key", identifier) from None
    _recent_keys.remove(identifier)


def authenticate(text: str) -> Principal:
    """Build the principal for an API key: its owner, limited to the key's permissions and rate. Raises Unauthenticated.

    Two calls for a key that this process has not seen for 10 seconds, and one at most every five minutes to record its
    use.
    """
    key_and_owner = _find_with_owner(_id_in(text)) if is_key(text) else None
    if (
        key_and_owner is None
        or not encryption.has_fingerprint(text, key_and_owner.key.fingerprint)
        or _is_expired(key_and_owner.key)
    ):
        raise Unauthenticated("Invalid or expired API key")
    _record_use(key_and_owner)
    key = key_and_owner.key
    rate = (key.requests_per_hour, key.burst)
    return authentication.principal_from_user(key_and_owner.user)._replace(key=key.id, scope=key.permissions, rate=rate)


def current_principal(identifier: str) -> Principal | None:
    """The principal of a key as of now or 10 seconds ago; None when the key is revoked or expired."""
    key_and_owner = _find_with_owner(identifier)
    if key_and_owner is None or _is_expired(key_and_owner.key):
        return None
    return authentication.principal_from_user(key_and_owner.user)._replace(
        key=identifier, scope=key_and_owner.key.permissions
    )


def is_key(text: str) -> bool:
    """Whether the text has the shape of an API key, checksum and all."""
    body = text.removeprefix(PREFIX)
    if not text.startswith(PREFIX) or len(body) != ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH:
        return False
    return body[-CHECKSUM_LENGTH:] == _checksum(body[:-CHECKSUM_LENGTH])


def _find_with_owner(identifier: str) -> KeyAndOwner | None:
    """The key with its owner; None when either is deleted or the owner is not active."""
    if (recent := _recent_keys.get(identifier)) is not None:
        return recent
    key = storage.find(identifier)
    user = None if key is None else document_storage.find(key.org, "user", key.user_id)
    if key is None or user is None or user.body["status"] != "active" or identifier not in _key_expiries(user):
        return None
    return _recent_keys.put(identifier, KeyAndOwner(key, user))


def _is_expired(key: ApiKey) -> bool:
    return key.expires_at_ms is not None and key.expires_at_ms <= clock.now()


def _record_use(key_and_owner: KeyAndOwner) -> None:
    """Store the time of this use, unless one was stored lately. A write that fails is made up for by the next use."""
    now, key = clock.now(), key_and_owner.key
    if key.last_used_at is not None and now - key.last_used_at < USE_RECORDED_EVERY_MS:
        return
    _recent_keys.put(key.id, KeyAndOwner(key._replace(last_used_at=now), key_and_owner.user))
    with suppress(ConditionFailed, Unavailable):
        dynamodb.commit(storage.record_use_write(key.id, now, now - USE_RECORDED_EVERY_MS))


def _generate() -> str:
    """The text of a new key."""
    number = int.from_bytes(
        ids.entropy(2 + (ID_LENGTH + SECRET_LENGTH) * 6 // 8)
    )  # 6 bits for a digit, and 16 against bias
    body = _base62(number, ID_LENGTH + SECRET_LENGTH)
    return f"{PREFIX}{body}{_checksum(body)}"


def _id_in(text: str) -> str:
    return text[len(PREFIX) : len(PREFIX) + ID_LENGTH]


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
