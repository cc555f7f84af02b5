"""Who may call: everyone with a token, in the tenant that it names; n8n's hooks take a shared secret instead."""

import hmac

from chalicelib.apis.messenger.notifications import AlertIn
from chalicelib.apis.messenger.schemas import NAME
from chalicelib.edge import Admission, Caller, Endpoint, Limit, Request
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.security import authentication, guess_limits, rate_limits
from chalicelib.engine.security.authentication import ANONYMOUS, Principal
from chalicelib.errors import Unauthenticated

LIMITS = {"default": Limit(60, 60)}

HOOKS = "/webhooks/n8n"
SECRET = "X-Webhook-Secret"  # noqa: S105 - a header's name
ORG = "org"
"""The query parameter that says whose secret it is."""
_ASK = f"send its secret as '{SECRET}: <secret>'"


def authenticate(request: Request) -> Caller:
    """The caller by `Authorization: Bearer <token>`, or on a hook by the secret of the org that the query names.

    The local stage may open the API. Raises Unauthenticated.
    """
    if request.route.startswith(HOOKS):
        return _by_hook(request)
    return authentication.authenticate_bearer(request.headers.get("authorization"), NAME)


def _by_hook(request: Request) -> Caller:
    """Every credential that is sent must be valid, and of the org that the query names; a hook is told to no other.

    Without a query the org is the token's, or `local`. An org that has a secret lets nobody in without a credential.
    """
    sent, secret = request.headers.get("authorization"), request.headers.get(SECRET)
    caller = authentication.authenticate_bearer(sent, NAME) if sent or secret is None else None
    own = ANONYMOUS.org if caller is None else caller.org
    named = request.query.get(ORG, own)
    if caller is not None and named != own:
        raise Unauthenticated(f"The query names another org than yours: {_ASK}, or a token of that org")
    if secret is not None:
        return _by_secret(named, secret, request.source)
    assert caller is not None
    if caller is ANONYMOUS and provider_accounts.get_accounts(own).n8n_secret is not None:
        raise Unauthenticated(f"This org's hooks have a secret: {_ASK}")
    return caller


def _by_secret(org: str, secret: str, address: str) -> Caller:
    with guess_limits.limit_guesses(f"hook#{org}", address):
        expected = provider_accounts.get_accounts(org).n8n_secret
        if not expected or not hmac.compare_digest(expected.encode(), secret.encode()):
            raise Unauthenticated("Invalid hook secret for the org that ?org= names")
    return Principal(org, "n8n", "server")


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller; its plan multiplies the documented limit."""
    return rate_limits.admit_caller(NAME, caller, name, limit.count, limit.seconds)


def exempt(endpoint: Endpoint, request: Request) -> bool:
    """A critical alert is let through however many there were; what only says so and is none, is not."""
    if endpoint.name != "send_alert":
        return False
    try:
        return AlertIn.model_validate_json(request.body).severity == "critical"
    except ValueError:
        return False
