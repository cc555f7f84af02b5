"""Who calls a hook: another system, by a secret that it shares with an org, or anybody with a token.

The caller names the org beside its secret. An org that has a secret admits nobody without a credential.
"""

import hmac
from collections.abc import Callable
from typing import NamedTuple

from chalicelib.engine.security import authentication, guess_limits
from chalicelib.engine.security.authentication import ANONYMOUS, Principal
from chalicelib.errors import Unauthenticated

SECRET_HEADER = "X-Webhook-Secret"  # noqa: S105 - a header's name


class HookCall(NamedTuple):
    """A call of a hook: who it says it is, and from where."""

    api: str
    hook: str  # the subject of a caller with a secret
    authorization: str | None
    secret: str | None
    org: str | None  # that the query names
    address: str
    header: str = SECRET_HEADER

    @property
    def advice(self) -> str:
        """How to send the secret."""
        return f"send its secret as '{self.header}: <secret>'"


def authenticate(
    call: HookCall, find_secret: Callable[[str], str | None], verify: Callable[[str], Principal] | None = None
) -> Principal:
    """The caller. Every credential that is sent must be valid, and of the org that the query names.

    Without a query the org is the token's, or `local`. `find_secret` returns an org's secret for the hook; `verify`
    reads a token, as in `authentication.authenticate_bearer`. Raises Unauthenticated, and TooManyRequests after too
    many wrong secrets from one network.
    """
    has_token = bool(call.authorization) or call.secret is None
    caller = authentication.authenticate_bearer(call.authorization, call.api, verify) if has_token else None
    own = ANONYMOUS.org if caller is None else caller.org
    named = own if call.org is None else call.org
    if caller is not None and named != own:
        raise Unauthenticated(f"The query names another org than yours: {call.advice}, or a token of that org")
    if call.secret is not None:
        return _authenticate_secret(call, named, call.secret, find_secret)
    assert caller is not None
    if caller is ANONYMOUS and find_secret(own) is not None:
        raise Unauthenticated(f"This org's hooks have a secret: {call.advice}")
    return caller


def _authenticate_secret(call: HookCall, org: str, secret: str, find_secret: Callable[[str], str | None]) -> Principal:
    with guess_limits.limit_guesses(f"hook#{org}", call.address):
        expected = find_secret(org)
        if not expected or not hmac.compare_digest(expected.encode(), secret.encode()):
            named = "that ?org= names" if call.org is not None else f"{org}: name another as ?org="
            raise Unauthenticated(f"Invalid hook secret for the org {named}")
    return Principal(org, call.hook, "server")
