"""Where an application may have its users sent back to (RFC 9700, section 2.1; RFC 8252, section 7.3)."""

import re

LONGEST = 2_000
_WRITABLE = re.compile(r"[!#-;=?-Z\[\]_a-z~]+")
"""Printable ASCII without what no URL has: quotes, angle brackets, backslashes, braces, bars, carets and backticks."""
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(:[0-9]{1,5})?(?=[/?]|\Z)")
_SECURE = re.compile(r"https://[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*(?::[0-9]{1,5})?(?=[/?]|\Z)")


def fault(uri: str) -> str | None:
    """What keeps a URL from being registered; None when nothing does."""
    if not _WRITABLE.fullmatch(uri) or len(uri) > LONGEST:
        return f"must be a URL of at most {LONGEST} ASCII characters"
    if "#" in uri or "*" in uri:
        return "must have no fragment and no wildcard"
    if not (_SECURE.match(uri) or is_loopback(uri)):
        return "must begin with https:// and a host, or with http:// and a loopback address"
    return None


def is_loopback(uri: str) -> bool:
    """Whether it leads to the user's own machine, where a native application listens."""
    return _LOOPBACK.match(uri) is not None


def matches(registered: str, asked: str) -> bool:
    """Whether a URL is the registered one: to the letter, but that an application on loopback may choose its port."""
    if registered == asked:
        return True
    return is_loopback(registered) and is_loopback(asked) and _portless(registered) == _portless(asked)


def origin(uri: str) -> str:
    """Scheme, host and port of a URL that may be registered."""
    found = _SECURE.match(uri) or _LOOPBACK.match(uri)
    return "" if found is None else found[0]


def _portless(uri: str) -> str:
    return _LOOPBACK.sub(r"\1", uri, count=1)
