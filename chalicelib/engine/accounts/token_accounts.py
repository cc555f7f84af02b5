"""The accounts that tokens without a session name: an operator's, or `make token`'s.

Such a token says who calls and in which role, and nothing stands behind it. Where things belong to people, it is good
for as much as its subject has an account. The local stack makes that account; elsewhere people are invited.
"""

import re
from collections.abc import Callable
from contextlib import suppress

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.engine.accounts import users
from chalicelib.engine.accounts.users import Profile
from chalicelib.engine.security.authentication import Principal
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import Conflict, Forbidden, NotFound

DOMAIN = "token.localhost"
"""Of the email addresses of accounts that are made here: nobody can sign in with them, nor have such an address."""
_PLAIN = re.compile(r"[a-z0-9._-]{1,64}")

Judge = Callable[[Principal], bool]
_known: TtlCache[tuple[str, str, str], bool] = TtlCache(30 * clock.SECOND)


def require(found: Principal) -> None:
    """Raise Forbidden unless the subject has an account, which the local stack makes; one that exists gets the token's
    role there, where that is admin. One call each half minute and process."""
    key = (found.org, found.subject, found.role)
    if _known.get(key) is None:
        if not _judge(found):
            raise Forbidden(
                f"Your token is signed for '{found.subject}', who has no account here: sign in at "
                "POST /api/v1/auth/login, or send an API key. An admin invites people at POST /api/v1/users"
            )
        _known.put(key, True)


def _stored(found: Principal) -> bool:
    """Whether there is an active account."""
    if settings().token_accounts:
        _make(found)
    try:
        return str(users.get(found.org, found.subject).body["status"]) == users.ACTIVE
    except NotFound:
        return False


def _make(found: Principal) -> None:
    profile = Profile(_email(found), found.subject, found.role, found.plan)
    try:
        made = users.get(found.org, found.subject)
    except NotFound:
        # Nobody is told the password.
        users.establish(found.org, found.subject, profile, ids.secret("nobody"))
        return
    if made.body["email"] == profile.email and found.role == users.ADMIN != made.body["role"]:
        with suppress(Conflict):
            users.change(found.org, found.subject, {"role": found.role}, found.subject)


def _email(found: Principal) -> str:
    return f"{_plain('user', found.subject)}@{_plain('org', found.org)}.{DOMAIN}"


def _plain(kind: str, text: str) -> str:
    return text if _PLAIN.fullmatch(text) else ids.derived(kind, text)


_judge: Judge = _stored


def use(judge: Judge | None) -> None:
    """Have `judge` say who has an account from now on; None for what is stored."""
    global _judge
    _judge = judge or _stored
    _known.clear()
