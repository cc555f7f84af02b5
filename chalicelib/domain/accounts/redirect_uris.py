"""URLs that an application may have its users sent back to (RFC 9700, section 2.1; RFC 8252, section 7.3)."""

import re

MAX_LENGTH = 2_000
_WRITABLE = re.compile(r"[!#-;=?-Z\[\]_a-z~]+")
"""Printable ASCII without what no URL has: quotes, angle brackets, backslashes, braces, bars, carets and backticks."""
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(:[0-9]{1,5})?(?=[/?]|\Z)")
_SECURE = re.compile(r"https://[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*(?::[0-9]{1,5})?(?=[/?]|\Z)")


def fault(uri: str) -> str | None:
    """Why a URL cannot be registered; None when it can."""
    if not _WRITABLE.fullmatch(uri) or len(uri) > MAX_LENGTH:
        return f"must be a URL of at most {MAX_LENGTH} ASCII characters"
    if "#" in uri or "*" in uri:
        return "must have no fragment and no wildcard"
    if not (_SECURE.match(uri) or is_loopback(uri)):
        return "must begin with https:// and a host, or with http:// and a loopback address"
    return None


def is_loopback(uri: str) -> bool:
    """Whether the URL leads to the user's own machine, where a native application listens."""
    return _LOOPBACK.match(uri) is not None


def matches(registered: str, requested: str) -> bool:
    """Whether a URL equals the registered one; on loopback the application may choose the port."""
    if registered == requested:
        return True
    return is_loopback(registered) and is_loopback(requested) and _portless(registered) == _portless(requested)


def origin(uri: str) -> str:
    """Scheme, host and port of a URL that may be registered."""
    found = _SECURE.match(uri) or _LOOPBACK.match(uri)
    return "" if found is None else found[0]


def _portless(uri: str) -> str:
    return _LOOPBACK.sub(r"\1", uri, count=1)
