"""Encrypt secrets of tenants that Yardmaster must send again, such as a server's apiKey.

A sealed text is `v1.<key id>.<base64url of nonce and ciphertext>`, AES-256-GCM. It can be decrypted only in the context
it was encrypted in: a text that is copied to another record or tenant cannot be used there.
"""

import base64
import hashlib
import hmac

from chalicelib import ids
from chalicelib.engine.security import keyring

VERSION = "v1"
NONCE_BYTES = 12


class CannotUnseal(ValueError):
    """The text cannot be decrypted: its key is gone, it was altered, or it was sealed in another context."""


def seal(plain: str, context: str) -> str:
    """`plain`, encrypted with the first key for `context`, such as "org#worker id"."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key_id, key = next(iter(keyring.seal_keys().items()))
    nonce = _nonce()
    box = nonce + AESGCM(key).encrypt(nonce, plain.encode(), context.encode())
    return f"{VERSION}.{key_id}.{base64.urlsafe_b64encode(box).decode()}"


def unseal(sealed: str, context: str) -> str:
    """The plain text of a sealed one. Raises CannotUnseal where no present key decrypts it in this context."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, box = _open_envelope(sealed)
    try:
        return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], context.encode()).decode()
    except (InvalidTag, ValueError):
        raise CannotUnseal("The sealed text was altered or belongs to another context.") from None


def fingerprint(plain: str) -> str:
    """The SHA-256 of `plain` in hex: it recognises a key of high entropy and does not reveal it."""
    return hashlib.sha256(plain.encode()).hexdigest()


def has_fingerprint(plain: str, fingerprint_: str) -> bool:
    """Whether `plain` has this fingerprint, in constant time."""
    return hmac.compare_digest(fingerprint(plain).encode(), fingerprint_.encode())


def _nonce() -> bytes:
    # An id carries 120 random bits, more than the 96 of a nonce; hashing keeps them whatever the form of an id is.
    return hashlib.sha256(ids.new("nonce").encode()).digest()[:NONCE_BYTES]


def _open_envelope(sealed: str) -> tuple[bytes, bytes]:
    version, _, rest = sealed.partition(".")
    key_id, _, text = rest.rpartition(".")
    if version != VERSION:
        raise CannotUnseal("The text is not sealed in a version known here.")
    key = keyring.seal_keys().get(key_id)
    if key is None:
        raise CannotUnseal(f"Sealing key '{key_id}' is no longer among the deployment's keys.")
    try:
        return key, base64.urlsafe_b64decode(text)
    except ValueError:
        raise CannotUnseal("The sealed text was altered.") from None
