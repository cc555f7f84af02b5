"""`python -m infra.local.token`: an access token of the local stage, and nothing else.

ROLE (user, server, admin), ORG, SUB, PLAN (standard, pro, enterprise) and TTL (seconds) come from the environment.
"""

import os
import sys

from chalicelib.engine import access
from chalicelib.engine.access import ROLES, Principal


class Unfit(Exception):
    """What was asked for cannot be in a token."""


def token() -> str:
    """The token that the environment asks for. Raises Unfit."""
    role = _asked("ROLE", "user")
    if role not in ROLES:
        raise Unfit(f"ROLE must be one of {', '.join(ROLES)}, not '{role}'")
    ttl = _asked("TTL", "3600")
    if not ttl.isdecimal() or int(ttl) == 0:
        raise Unfit(f"TTL must be a number of seconds from 1 up, not '{ttl}'")
    principal = Principal(_asked("ORG", "local"), _asked("SUB", "dev"), role, _asked("PLAN", "standard"))
    return access.issue(principal, int(ttl))


def _asked(name: str, default: str) -> str:
    # Make passes on what was not said as empty.
    return os.environ.get(name) or default


if __name__ == "__main__":
    try:
        print(token())
    except Unfit as error:
        print(error, file=sys.stderr)
        sys.exit(2)
