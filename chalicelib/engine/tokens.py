"""PyJWT, without the asymmetric algorithms.

Every token here is HS256 and nothing else is accepted, but PyJWT imports all of `cryptography` for the algorithms that
are refused: a sixth of a cold start. It takes the package's absence well, so it is told that it is absent.
"""

import sys
from types import ModuleType


def _without_cryptography() -> ModuleType:
    present = "cryptography" in sys.modules
    if not present:
        sys.modules["cryptography"] = None  # type: ignore[assignment]
    try:
        import jwt
    finally:
        if not present:
            del sys.modules["cryptography"]
    return jwt


pyjwt = _without_cryptography()
