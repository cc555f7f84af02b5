"""The deployment's keys: those that sign tokens, and those that encrypt secrets which must be sent again.

Each kind is a mapping of key id to key, the one in use first. To rotate a key, put the new one first, and drop the old
one when nothing made with it is left.
"""

import base64
import json
from typing import NamedTuple

from chalicelib import clock
from chalicelib.config import DEVELOPMENT_KEY_ID, DEVELOPMENT_SEAL, DEVELOPMENT_SECRET, Misconfigured, settings
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.storage.aws import ssm

KEY_BYTES = 32
KEYS_TTL_MS = 5 * clock.MINUTE
"""How long keys read from SSM are used before they are read again, in milliseconds."""


class _Keys(NamedTuple):
    jwt: dict[str, str]
    seal: dict[str, bytes]


_read_keys: TtlCache[str, _Keys] = TtlCache(KEYS_TTL_MS)
"""Parameter name -> its keys."""


def jwt_keys() -> dict[str, str]:
    """Key id -> secret of at least 32 bytes for signing tokens; the first one signs, each verifies.

    Raises Misconfigured where the deployment's keys are invalid, Unavailable where they cannot be read.
    """
    return _keys().jwt


def seal_keys() -> dict[str, bytes]:
    """Key id -> 32 bytes for sealing; the first one seals, each unseals. Raises what `jwt_keys` raises."""
    return _keys().seal


def _keys() -> _Keys:
    if settings().local:
        return _Keys({DEVELOPMENT_KEY_ID: DEVELOPMENT_SECRET}, {DEVELOPMENT_KEY_ID: base64.b64decode(DEVELOPMENT_SEAL)})
    parameter = settings().secrets_parameter
    return _read_keys.get(parameter) or _read_keys.put(parameter, _parse(ssm.read_parameter(parameter)))


def _parse(text: str) -> _Keys:
    try:
        document = json.loads(text)
    except ValueError:
        raise Misconfigured("The secrets parameter is not JSON.") from None
    jwt = {key_id: _jwt_key(key_id, text) for key_id, text in _section(document, "jwt").items()}
    seal = {key_id: _seal_key(key_id, text) for key_id, text in _section(document, "seal").items()}
    return _Keys(jwt, seal)


def _section(document: object, name: str) -> dict[str, str]:
    keys = document.get(name) if isinstance(document, dict) else None
    if not isinstance(keys, dict) or not keys or not all(isinstance(value, str) for value in keys.values()):
        raise Misconfigured(
            f'The secrets parameter must hold "{name}": an object of key id to text, with at least one.'
        )
    return keys


def _jwt_key(key_id: str, text: str) -> str:
    if text == DEVELOPMENT_SECRET:
        raise Misconfigured(f"Token key '{key_id}' is the development secret: make one of this deployment's own.")
    if len(text.encode()) < KEY_BYTES:
        raise Misconfigured(f"Token key '{key_id}' is shorter than {KEY_BYTES} bytes.")
    return text


def _seal_key(key_id: str, text: str) -> bytes:
    if text == DEVELOPMENT_SEAL:
        raise Misconfigured(f"Sealing key '{key_id}' is the development key: make one of this deployment's own.")
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        raise Misconfigured(f"Sealing key '{key_id}' is not base64.") from None
    if len(key) != KEY_BYTES:
        raise Misconfigured(f"Sealing key '{key_id}' must be exactly {KEY_BYTES} bytes before base64.")
    return key
