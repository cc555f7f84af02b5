"""Which web pages may call: those of the origins listed in `cors_origins`, and on the local stage this machine's own.

A browser says in `Origin` which page a request comes from, and lets that page read the answer only where the answer
allows it (CORS, the Fetch standard). In AWS that is all: nobody gets in without a credential, and a page has none but
its own. On the local stage everybody knows the keys, and some APIs need none. There a request of any other page is
refused, and so is one that calls this machine by a foreign name: such a name can be rebound to 127.0.0.1, so that a
browser takes the page that it belongs to for ours (DNS rebinding).
"""

import re
from collections.abc import Collection, Mapping, Sequence

from chalicelib.config import settings
from chalicelib.edge.request import PAGES
from chalicelib.errors import Forbidden

Headers = Mapping[str, str]
ALLOWED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "X-API-Key", "X-Webhook-Secret")
"""What a listed page may send besides what every page may."""
EXPOSED_HEADERS = (
    "Allow",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-RateLimit-Window",
    "X-Request-Id",
)
"""What a listed page may read besides what every page may."""
MAX_AGE_SECONDS = 7200
"""How long a browser may remember a preflight's answer; more, none does."""
SHOWN = 100
_LOOPBACK = r"(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\]"
_LOCAL_HOST = re.compile(rf"(?:{_LOOPBACK})\.?(?::\d{{1,5}})?", re.IGNORECASE)
_LOCAL_ORIGIN = re.compile(rf"https?://(?:{_LOOPBACK})(?::\d{{1,5}})?", re.IGNORECASE)
_OWN = {"same-origin", "none"}
"""What `Sec-Fetch-Site` says of a page's own requests, and of what the user typed. No script can set it."""


def refuse_foreign(headers: Headers, repeated: Collection[str] = ()) -> None:
    """Raise Forbidden, on the local stage, for a request of a page or to a name that is neither local nor listed, and
    for one of which that cannot be told because what says it is among the `repeated` headers."""
    if not settings().local:
        return
    for name in PAGES:
        if name in repeated:
            raise Forbidden(f"{name} is given more than once")
    host, origin = headers.get("host", ""), headers.get("origin", "")
    if host and not (_LOCAL_HOST.fullmatch(host) or host.lower() in settings().allowed_hosts):
        raise Forbidden(
            f"This local stage is not called {host[:SHOWN]}: call it localhost, or name it in ALLOWED_HOSTS"
        )
    if origin and not (_is_listed(origin) or _is_own(origin, headers)):
        raise _foreign(origin)


def shared(headers: Headers) -> dict[str, str]:
    """What the answer to a request says of who may read it; nothing while no origin is listed."""
    if not _is_on():
        return {}
    origin = headers.get("origin", "")
    if not _is_listed(origin):
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": ", ".join(EXPOSED_HEADERS),
    }


def is_preflight(method: str, headers: Headers) -> bool:
    """Whether a browser asks, before it sends a page's request, if it may; False while no origin is listed."""
    return method == "OPTIONS" and _is_on() and "origin" in headers and "access-control-request-method" in headers


def leave(headers: Headers, methods: Sequence[str]) -> dict[str, str]:
    """What a preflight is told of a path with these methods. Raises Forbidden for an origin that is not listed."""
    refuse_foreign(headers)
    if not _is_listed(headers["origin"]):
        raise _foreign(headers["origin"])
    return {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": ", ".join(ALLOWED_HEADERS),
        "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
    }


def _is_on() -> bool:
    return settings().local or bool(settings().cors_origins)


def _is_listed(origin: str) -> bool:
    return origin in settings().cors_origins or (settings().local and bool(_LOCAL_ORIGIN.fullmatch(origin)))


def _is_own(origin: str, headers: Headers) -> bool:
    """Whether a page that keeps its origin to itself calls the server that it came from."""
    return origin == "null" and headers.get("sec-fetch-site") in _OWN


def _foreign(origin: str) -> Forbidden:
    return Forbidden(f"Pages of {origin[:SHOWN]} may not call this API: an operator lists origins in CORS_ORIGINS")
