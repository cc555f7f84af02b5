"""Signatures of webhooks: the document's own, and those of Standard Webhooks 1.0.0, over the same bytes.

One secret serves both schemes. The document's HMAC takes the secret's text as it is (coordinaitor.md, "Signature
Verification"); Standard Webhooks takes the bytes behind `whsec_` in base64, or, of a secret that the caller made up
himself, the bytes of its text.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
OWN_HEADER = "x-orchestrator-signature"
OWN_PREVIOUS_HEADER = "x-orchestrator-signature-previous"


def generate_secret(entropy: bytes) -> str:
    """The secret made of fresh random bytes, as Standard Webhooks writes it."""
    return PREFIX + base64.b64encode(entropy).decode()


def is_usable(secret: str) -> bool:
    """Whether a secret means one key to everybody: what begins with `whsec_` must go on in base64."""
    try:
        return bool(_key(secret))
    except ValueError:
        return False


def signature_headers(secrets: Sequence[str], identifier: str, at: int, body: bytes) -> dict[str, str]:
    """The headers that sign `body`, sent at epoch second `at` under the event's id.

    Of two secrets, while they are being changed, the newer comes first: Standard Webhooks lists both signatures in one
    header; the document's header can hold one, so that the older secret's stands in a header of its own.
    """
    signed = f"{identifier}.{at}.".encode() + body
    standard = " ".join(f"v1,{base64.b64encode(_hmac(_key(secret), signed)).decode()}" for secret in secrets)
    own = dict(
        zip((OWN_HEADER, OWN_PREVIOUS_HEADER), (_own_signature(secret, body) for secret in secrets), strict=False)
    )
    return {"webhook-id": identifier, "webhook-timestamp": str(at), "webhook-signature": standard, **own}


def _own_signature(secret: str, body: bytes) -> str:
    return f"sha256={_hmac(secret.encode(), body).hex()}"


def _hmac(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, hashlib.sha256)


def _key(secret: str) -> bytes:
    if secret.startswith(PREFIX):
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return secret.encode()
