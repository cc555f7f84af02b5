"""The URLs that outbound requests may use, as far as their text can tell. One grammar checks and parses them.

In AWS they are https on two ports. Where loopback is allowed (the local stage), and for URLs that the operator wrote
(`private`), http and all ports are allowed, too.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from chalicelib.config import settings
from chalicelib.errors import InvalidRequest

MAX_URL_LENGTH = 2048
PORTS = frozenset({443, 8443})

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_AUTHORITY = re.compile(
    rf"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>{_LABEL}(?:\.{_LABEL})*)\.?)(?::(?P<port>\d{{1,5}})?)?",
    re.ASCII | re.IGNORECASE,
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII | re.IGNORECASE)
_INCOMPLETE_START = re.compile(
    rf"(?:(?P<scheme>https?)(?::/?|/+)|//)?"
    rf"(?P<host>(?:\[[0-9a-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::\d{{1,5}})?)(?=[/?#]|$)",
    re.ASCII | re.IGNORECASE,
)
"""What callers write in place of `https://host`: `host`, `//host`, `https:/host`, `https:host`, `https//host`."""
_READABLE = re.compile(r"[^\x00-\x20\x7f\\\ud800-\udfff]+")
_PATH_SAFE = "/?%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL; `host` in lower case, without brackets or a trailing dot."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str, *, private: bool = False) -> Target:
    """The parts of a URL. Raises InvalidRequest where the URL may not be used; the error says what would be right."""
    is_relaxed = private or settings().allow_loopback
    # urlsplit drops tabs and newlines, and browsers read a backslash as a slash: such URLs are refused here.
    if len(url) > MAX_URL_LENGTH or not _READABLE.fullmatch(url):
        raise InvalidRequest(f"A URL has 1 to {MAX_URL_LENGTH} characters, without spaces, control characters or '\\'.")
    scheme, authority = _split(url, is_relaxed)
    if "@" in authority:
        raise InvalidRequest("A URL may not carry a user name or password: remove everything up to the '@'.")
    if not authority:
        raise InvalidRequest(f"The URL names no host: write {scheme}://host/path.")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise InvalidRequest("The URL's host is not a valid ASCII name or address: write other scripts as 'xn--...'.")
    return Target(scheme, (match["v6"] or match["name"]).lower(), _port(scheme, match["port"], is_relaxed), _path(url))


def _split(url: str, is_relaxed: bool) -> tuple[str, str]:
    try:
        scheme, authority, *_ = urlsplit(url)
    except ValueError:
        raise InvalidRequest("The URL cannot be read: write https://host/path.") from None
    if scheme not in _schemes(is_relaxed) or not url[len(scheme) :].startswith("://"):
        raise InvalidRequest(_start_problem(url, is_relaxed))
    return scheme, authority


def canonical_url(url: str) -> str:
    """One spelling for URLs that lead to the same place as far as their text can tell: without differences in the case
    of scheme and host, the scheme's default port, a dot after the host, or a slash at the end of the path. A URL that
    cannot be parsed is returned as it is."""
    try:
        target = parse_url(url, private=True)
    except InvalidRequest:
        return url
    path, question, query = target.path.partition("?")
    return f"{target.scheme}://{_compress_address(target.host)}:{target.port}{path.rstrip('/')}{question}{query}"


def _compress_address(host: str) -> str:
    from ipaddress import ip_address

    try:
        return ip_address(host).compressed
    except ValueError:
        return host


def _schemes(is_relaxed: bool) -> tuple[str, ...]:
    return ("http", "https") if is_relaxed else ("https",)


def _start_problem(url: str, is_relaxed: bool) -> str:
    """The error about the URL's beginning and, where its host can be recognized and shown, what to write instead."""
    wanted = " or ".join(f"{scheme}://" for scheme in _schemes(is_relaxed))
    if _SCHEME.match(url):
        return f"A URL must begin with {wanted}."
    match = _INCOMPLETE_START.match(url)
    if match is None:
        return f"A URL must begin with {wanted} and its host."
    scheme = (match["scheme"] or _schemes(is_relaxed)[0]).lower()
    return f"A URL must begin with {wanted} and its host: write {scheme if is_relaxed else 'https'}://{match['host']}"


def _port(scheme: str, text: str | None, is_relaxed: bool) -> int:
    port = int(text) if text else _DEFAULT_PORTS[scheme]
    if is_relaxed and 0 < port < 65536:
        return port
    if is_relaxed:
        raise InvalidRequest(f"A URL's port is a number from 1 to 65535, not {port}.")
    if port not in PORTS:
        raise InvalidRequest(f"A URL may name port {' or '.join(map(str, sorted(PORTS)))}, not {port}.")
    return port


def _path(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path or "/"
    return quote(f"{path}?{parts.query}" if parts.query else path, safe=_PATH_SAFE)
