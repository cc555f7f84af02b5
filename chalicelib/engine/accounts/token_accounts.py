"""Accounts for tokens without a session, such as an operator's or those of `make token`.

Such a token names a subject and a role; no session and no password belongs to it. An API whose data belongs to people
accepts it only if the subject has an account. The local stack creates that account; elsewhere an admin invites people.
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
"""Domain of the email addresses of accounts that are created here. Nobody can sign in with such an address."""
_PLAIN = re.compile(r"[a-z0-9._-]{1,64}")

AccountCheck = Callable[[Principal], bool]
_checked_tokens: TtlCache[tuple[str, str, str], bool] = TtlCache(30 * clock.SECOND)


def require_account(principal: Principal) -> None:
    """Raise Forbidden unless the token's subject has an account. One call per half minute and process.

    The local stack creates the account, and makes an existing one an admin for an admin's token.
    """
    key = (principal.org, principal.subject, principal.role)
    if _checked_tokens.get(key) is None:
        if not _check(principal):
            raise Forbidden(
                f"Your token is signed for '{principal.subject}', who has no account here: sign in at "
                "POST /api/v1/auth/login, or send an API key. An admin invites people at POST /api/v1/users"
            )
        _checked_tokens.put(key, True)


def _has_active_account(principal: Principal) -> bool:
    """Whether the subject has an active account."""
    if settings().token_accounts:
        _ensure_account(principal)
    try:
        return str(users.get(principal.org, principal.subject).body["status"]) == users.ACTIVE
    except NotFound:
        return False


def _ensure_account(principal: Principal) -> None:
    profile = Profile(_email(principal), principal.subject, principal.role, principal.plan)
    try:
        user = users.get(principal.org, principal.subject)
    except NotFound:
        # The password is random and shown to nobody.
        users.ensure_user(principal.org, principal.subject, profile, ids.secret("nobody"))
        return
    if user.body["email"] == profile.email and principal.role == users.ADMIN != user.body["role"]:
        with suppress(Conflict):
            users.change(principal.org, principal.subject, {"role": principal.role}, principal.subject)


def _email(principal: Principal) -> str:
    return f"{_email_part('user', principal.subject)}@{_email_part('org', principal.org)}.{DOMAIN}"


def _email_part(kind: str, text: str) -> str:
    return text if _PLAIN.fullmatch(text) else ids.derived(kind, text)


_check: AccountCheck = _has_active_account


def use_account_check(check: AccountCheck | None) -> None:
    """Let `check` decide from now on who has an account; None for the stored accounts."""
    global _check
    _check = check or _has_active_account
    _checked_tokens.clear()
