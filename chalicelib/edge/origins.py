"""Which web pages may call an API: those of the origins in `cors_origins`; on the local stage, this machine's, too.

A browser says in `Origin` which page a request comes from, and lets that page read the answer only where the answer
allows it (CORS, the Fetch standard). In AWS that is enough: every request needs a credential, and a page has only its
own. On the local stage the keys are public, and some APIs need none. There a request of any other page is refused, and
so is one that calls this machine by an unknown name: such a name can be rebound to 127.0.0.1, and then a browser takes
the page of that name for one of ours (DNS rebinding).
"""

import re
from collections.abc import Collection, Mapping, Sequence

from chalicelib.config import settings
from chalicelib.edge.request import PAGE_HEADERS
from chalicelib.errors import Forbidden

Headers = Mapping[str, str]
ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-API-Key",
    "X-Webhook-Secret",
)
"""Headers that a listed page may send besides those that every page may."""
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
"""Headers that a listed page may read besides those that every page may."""
MAX_AGE_SECONDS = 7200
"""How long a browser may cache a preflight's answer; browsers cap it at this."""
MAX_SHOWN_CHARS = 100
_LOOPBACK = r"(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\]"
_LOCAL_HOST = re.compile(rf"(?:{_LOOPBACK})\.?(?::\d{{1,5}})?", re.IGNORECASE)
_LOCAL_ORIGIN = re.compile(rf"https?://(?:{_LOOPBACK})(?::\d{{1,5}})?", re.IGNORECASE)
_OWN = {"same-origin", "none"}
"""`Sec-Fetch-Site` of a page's own requests, and of addresses that the user typed. No script can set it."""


def require_allowed_page(headers: Headers, repeated: Collection[str] = ()) -> None:
    """Raise Forbidden, on the local stage, for a request of a page or to a host that is neither local nor listed, and
    for one whose page or host is unclear because the header is among the `repeated` ones."""
    if not settings().local:
        return
    for name in PAGE_HEADERS:
        if name in repeated:
            raise Forbidden(f"{name} is given more than once")
    host, origin = headers.get("host", ""), headers.get("origin", "")
    if host and not (_LOCAL_HOST.fullmatch(host) or host.lower() in settings().allowed_hosts):
        raise Forbidden(
            f"This local stage is not called {host[:MAX_SHOWN_CHARS]}: call it localhost, or name it in ALLOWED_HOSTS"
        )
    if origin and not (_is_listed(origin) or _is_own(origin, headers)):
        raise _foreign_page(origin)


def cors_headers(headers: Headers) -> dict[str, str]:
    """The headers that say which page may read the answer to a request; none while no origin is listed."""
    if not _is_enabled():
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
    return method == "OPTIONS" and _is_enabled() and "origin" in headers and "access-control-request-method" in headers


def preflight_headers(headers: Headers, methods: Sequence[str]) -> dict[str, str]:
    """The headers of the answer to a preflight of a path with these methods. Raises Forbidden for another origin."""
    require_allowed_page(headers)
    if not _is_listed(headers["origin"]):
        raise _foreign_page(headers["origin"])
    return {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": ", ".join(ALLOWED_HEADERS),
        "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
    }


def _is_enabled() -> bool:
    return settings().local or bool(settings().cors_origins)


def _is_listed(origin: str) -> bool:
    return origin in settings().cors_origins or (settings().local and bool(_LOCAL_ORIGIN.fullmatch(origin)))


def _is_own(origin: str, headers: Headers) -> bool:
    """Whether a page that hides its origin calls the server that it came from."""
    return origin == "null" and headers.get("sec-fetch-site") in _OWN


def _foreign_page(origin: str) -> Forbidden:
    return Forbidden(
        f"Pages of {origin[:MAX_SHOWN_CHARS]} may not call this API: an operator lists origins in CORS_ORIGINS"
    )
