"""`python -m infra.local.token`: an access token of the local stage, and nothing else.

ROLE (user, server, admin), ORG, SUB, PLAN (free, standard, pro, enterprise) and TTL (seconds) come from the
environment.
"""

import os
import sys

from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import ROLES, Principal
from chalicelib.errors import Unauthenticated

PLANS = ("free", "standard", "pro", "enterprise")


class Unfit(Exception):
    """What was asked for cannot be in a token."""


def token() -> str:
    """The token that the environment asks for. Raises Unfit."""
    role, plan = _asked("ROLE", "user"), _asked("PLAN", "standard")
    for name, asked, known in (("ROLE", role, ROLES), ("PLAN", plan, PLANS)):
        if asked not in known:
            raise Unfit(f"{name} must be one of {', '.join(known)}, not '{asked}'")
    ttl = _asked("TTL", "3600")
    if not ttl.isdecimal() or int(ttl) == 0:
        raise Unfit(f"TTL must be a number of seconds from 1 up, not '{ttl}'")
    org, subject = _asked("ORG", "local"), _asked("SUB", "dev")
    made = authentication.issue_token(Principal(org, subject, role, plan), int(ttl))
    try:
        authentication.verify_token(made)
    except Unauthenticated as error:
        raise Unfit(
            f"No API takes a token of ORG '{org}' and SUB '{subject}': use up to 128 letters and digits"
        ) from error
    return made


def _asked(name: str, default: str) -> str:
    # Make passes on what was not said as empty.
    return os.environ.get(name) or default


if __name__ == "__main__":
    try:
        print(token())
    except Unfit as error:
        print(error, file=sys.stderr)
        sys.exit(2)
