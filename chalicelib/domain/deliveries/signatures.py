"""Sign webhooks by two schemes: the document's (coordinaitor.md, "Signature Verification") and Standard Webhooks 1.0.0.

One secret serves both. The document's scheme uses the secret's text as the HMAC key. Standard Webhooks uses the
base64-decoded bytes after `whsec_`, or the text's bytes if the caller chose a secret without that prefix.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
OWN_HEADER = "x-orchestrator-signature"
OWN_PREVIOUS_HEADER = "x-orchestrator-signature-previous"


def generate_secret(entropy: bytes) -> str:
    """Write random bytes as a secret in the format of Standard Webhooks."""
    return PREFIX + base64.b64encode(entropy).decode()


def is_usable(secret: str) -> bool:
    """Whether a secret is valid in both schemes: after `whsec_` it must be base64."""
    try:
        return bool(_key(secret))
    except ValueError:
        return False


def signature_headers(secrets: Sequence[str], identifier: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign `body`, which is sent at epoch second `at`. `identifier` is the event's id.

    During a change of secrets there are two; the newer comes first. Standard Webhooks has both signatures in one
    header. The document's header holds one signature, so the older secret's has the header OWN_PREVIOUS_HEADER.
    """
    signed = f"{identifier}.{at}.".encode() + body
    standard = " ".join(f"v1,{base64.b64encode(_hmac(_key(secret), signed)).decode()}" for secret in secrets)
    own = dict(
        zip((OWN_HEADER, OWN_PREVIOUS_HEADER), (_own_signature(secret, body) for secret in secrets), strict=False)
    )
    return {"webhook-id": identifier, "webhook-timestamp": str(at), "webhook-signature": standard, **own}


def _own_signature(secret: str, body: bytes) -> str:
    return f"sha256={_hmac(secret.encode(), body).hex()}"


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)


def _key(secret: str) -> bytes:
    if secret.startswith(PREFIX):
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return secret.encode()
