"""Where an application may have its users sent back to (RFC 9700, section 2.1; RFC 8252, section 7.3)."""

import re
from urllib.parse import urlsplit

LONGEST = 2_000
_WRITABLE = re.compile(r"[!#-;=?-Z\[\]_a-z~]+")
"""Printable ASCII without what no URL has: quotes, angle brackets, backslashes, braces, bars, carets and backticks."""
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(:[0-9]{1,5})?(?=[/?]|\Z)")


def fault(uri: str) -> str | None:
    """What keeps a URL from being registered; None when nothing does."""
    if not _WRITABLE.fullmatch(uri) or len(uri) > LONGEST:
        return f"must be a URL of at most {LONGEST} ASCII characters"
    if "#" in uri or "*" in uri:
        return "must have no fragment and no wildcard"
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return "is not a URL"
    if "@" in parts.netloc:
        return "must name no user"
    if is_loopback(uri) or (parts.scheme == "https" and parts.hostname and uri.startswith("https://")):
        return None
    return "must begin with https://, or with http:// on a loopback address"


def is_loopback(uri: str) -> bool:
    """Whether it leads to the user's own machine, where a native application listens."""
    return _LOOPBACK.match(uri) is not None


def matches(registered: str, asked: str) -> bool:
    """Whether a URL is the registered one: to the letter, but that an application on loopback may choose its port."""
    if registered == asked:
        return True
    return is_loopback(registered) and is_loopback(asked) and _portless(registered) == _portless(asked)


def origin(uri: str) -> str:
    """Scheme, host and port of a registered URL."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _portless(uri: str) -> str:
    return _LOOPBACK.sub(r"\1", uri, count=1)
