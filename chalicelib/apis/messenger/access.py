"""Who may call: callers with a token, in the token's org. n8n's hooks also accept the org's shared secret."""

from chalicelib.apis.messenger.notifications import AlertIn
from chalicelib.apis.messenger.schemas import NAME
from chalicelib.edge import Admission, Caller, Endpoint, Limit, Request
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.security import authentication, hooks, rate_limits
from chalicelib.engine.security.hooks import HookCall

LIMITS = {"default": Limit(60, 60)}

HOOKS = "/webhooks/n8n"
ORG = "org"
"""The query parameter that names the org of the secret."""


def authenticate(request: Request) -> Caller:
    """Find the caller by `Authorization: Bearer <token>`, or on a hook by the secret of the org that the query names.

    In the local stage callers may need no token. Raises Unauthenticated.
    """
    if request.route.startswith(HOOKS):
        return hooks.authenticate(_hook_call(request), _find_secret)
    return authentication.authenticate_request(NAME, request)


def _hook_call(request: Request) -> HookCall:
    headers = request.headers
    return HookCall(
        api=NAME,
        hook="n8n",
        authorization=headers.get("authorization"),
        secret=headers.get(hooks.SECRET_HEADER),
        org=request.query.get(ORG),
        address=request.source,
    )


def _find_secret(org: str) -> str | None:
    return provider_accounts.get_accounts(org).n8n_secret


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller. The caller's plan multiplies the documented limit."""
    return rate_limits.admit_caller(NAME, caller, name, limit)


def exempt(endpoint: Endpoint, request: Request) -> bool:
    """Whether no rate limit applies: only to valid critical alerts."""
    if endpoint.name != "send_alert":
        return False
    try:
        return AlertIn.model_validate_json(request.body).severity == "critical"
    except ValueError:
        return False
