"""Authentication and rate limits: every token may call, for the org that it names; webhooks take a shared secret
instead. The document has no roles."""

from chalicelib.config import settings
from chalicelib.edge import Admission, Caller, Limit, Request, WorkerEndpoint
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.security import authentication, hooks, rate_limits
from chalicelib.engine.security.authentication import ANONYMOUS
from chalicelib.engine.security.hooks import HookCall

NAME = "codeserver"
"""The API's name, and the pool of its code tasks and workers."""

LIMITS = {"default": Limit(1000, 60)}
"""The document names no limit for this API; this is the coordinator's."""


STREAM = "/api/code/stream"
"""The path of the streams of code tasks."""
HOOKS = "/webhook"
ORG = "org"
"""The query parameter that says whose secret it is."""


def authenticate(request: Request) -> Caller:
    """The caller of the token in `Authorization: Bearer <token>`, or of a webhook by the secret of the org that the
    query names. On the local stage the API can be open to everybody.

    For a stream the token may be the query parameter `token`, because a browser's EventSource cannot send headers. The
    header comes first, as for WebSockets. Raises Unauthenticated.
    """
    if request.route.startswith(HOOKS):
        return _authenticate_hook(request)
    header = request.headers.get("authorization")
    if header is None and request.route.startswith(f"{STREAM}/") and "token" in request.query:
        header = f"Bearer {request.query['token']}"
    return authentication.authenticate_bearer(header, NAME)


def _authenticate_hook(request: Request) -> Caller:
    hook = request.route.rpartition("/")[2]
    call = HookCall(
        api=NAME,
        hook=hook,
        authorization=request.headers.get("authorization"),
        secret=request.headers.get(hooks.SECRET_HEADER),
        org=request.query.get(ORG),
        address=request.source,
    )
    return hooks.authenticate(call, lambda org: provider_accounts.get_accounts(org).codeserver_secret(hook))


def has_webhooks(org: str) -> bool:
    """Whether other systems can call a webhook for the org without a token: by a secret, or because the local stage
    opens the API."""
    is_open = NAME in settings().open_apis and org == ANONYMOUS.org
    return is_open or bool(provider_accounts.get_accounts(org).codeserver_secrets)


def admit(caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of the caller against its limit, which is this one multiplied by its plan."""
    return rate_limits.admit_caller(NAME, caller, name, limit)


WORKER = "codeserver.worker"
WORKERS = WorkerEndpoint(WORKER, "/worker/{worker_id}", NAME, authenticate, prefix="/codeserver")
"""Where workers connect. The support API has the same path."""
