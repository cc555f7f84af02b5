"""Authentication and rate limits: every token may call, for the org that it names; another system that reports events
sends the org's webhook token instead. The document has no roles.

A session of a user of the projects API counts as a token. Its limits there hold here, too: a viewer only reads, and
what an application was granted are permissions of that API.
"""

from functools import partial
from typing import cast

from chalicelib.edge import Caller, Endpoint, Limit, Request
from chalicelib.engine.accounts import sessions
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.security import authentication, hooks, rate_limits
from chalicelib.engine.security.authentication import Principal
from chalicelib.engine.security.hooks import HookCall
from chalicelib.errors import Forbidden

NAME = "studio"
"""The API's name, and the pool of its content tasks."""

LIMITS = {"default": Limit(1000, 60)}
"""The document names no limit for this API; this is the coordinator's."""
READER = "viewer"
"""The role of users who change nothing."""

HOOKS, HOOK = "/api/webhooks", "webhook"
TOKEN_HEADER = "X-Webhook-Token"  # noqa: S105 - a header's name
ORG = "org"
"""The query parameter that says whose webhook token it is."""

admit = partial(rate_limits.admit_caller, NAME)


def authenticate(request: Request) -> Caller:
    """The caller of the token in `Authorization: Bearer <token>`; of an event also by the org's webhook token. Raises
    Unauthenticated, also for the token of a session that has ended."""
    if request.route != HOOKS or request.method != "POST":
        return authentication.authenticate_request(NAME, request, sessions.authenticate)
    call = HookCall(
        api=NAME,
        hook=HOOK,
        authorization=request.headers.get("authorization"),
        secret=request.headers.get(TOKEN_HEADER),
        org=request.query.get(ORG),
        address=request.source,
        header=TOKEN_HEADER,
    )
    return hooks.authenticate(call, lambda org: provider_accounts.get_accounts(org).studio_token, sessions.authenticate)


def authorize(caller: Caller, endpoint: Endpoint) -> None:
    """Raise Forbidden for an application's token, and for a viewer's request that changes something."""
    if cast(Principal, caller).scope is not None:
        raise Forbidden("An application's token is limited to the projects API: sign in")
    if caller.role == READER and endpoint.method != "GET" and endpoint.name != "log_out":
        raise Forbidden("A viewer can only read: an admin gives you another role")


def session_of(caller: Caller) -> str | None:
    """The session of the caller, None without one."""
    return cast(Principal, caller).session
