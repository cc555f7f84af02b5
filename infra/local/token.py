"""`python -m infra.local.token`: print an access token of the local stack.

ROLE (user, server, admin), ORG, SUB, PLAN (free, standard, pro, enterprise) and TTL (seconds) come from the
environment.
"""

import os
import sys

from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import ROLES, Principal
from chalicelib.errors import Unauthenticated

PLANS = ("free", "standard", "pro", "enterprise")


class InvalidTokenRequest(Exception):
    """The environment asks for a token that no API accepts. The text says why."""


def token() -> str:
    """The token that the environment asks for. Raises InvalidTokenRequest."""
    role, plan = _read_variable("ROLE", "user"), _read_variable("PLAN", "standard")
    for name, value, allowed in (("ROLE", role, ROLES), ("PLAN", plan, PLANS)):
        if value not in allowed:
            raise InvalidTokenRequest(f"{name} must be one of {', '.join(allowed)}, not '{value}'")
    ttl = _read_variable("TTL", "3600")
    if not ttl.isdecimal() or int(ttl) == 0:
        raise InvalidTokenRequest(f"TTL must be a number of seconds from 1 up, not '{ttl}'")
    org, subject = _read_variable("ORG", "local"), _read_variable("SUB", "dev")
    signed = authentication.issue_token(Principal(org, subject, role, plan), int(ttl))
    try:
        authentication.verify_token(signed)
    except Unauthenticated as error:
        raise InvalidTokenRequest(
            f"No API accepts a token of ORG '{org}' and SUB '{subject}': use up to 128 letters and digits"
        ) from error
    return signed


def _read_variable(name: str, default: str) -> str:
    # make passes a variable that is not set as an empty text.
    return os.environ.get(name) or default


if __name__ == "__main__":
    try:
        print(token())
    except InvalidTokenRequest as error:
        print(error, file=sys.stderr)
        sys.exit(2)
