"""URLs that this house may call, as far as their text can tell: the one grammar that judges and uses them.

In AWS https on two ports; where loopback is allowed (the local stage), or the address is one of the operator's own
(`private`), http and any port too.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from chalicelib.config import settings
from chalicelib.errors import InvalidRequest

URL_CHARACTERS = 2048
PORTS = frozenset({443, 8443})

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_AUTHORITY = re.compile(
    rf"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>{_LABEL}(?:\.{_LABEL})*)\.?)(?::(?P<port>\d{{1,5}})?)?",
    re.ASCII | re.IGNORECASE,
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII | re.IGNORECASE)
_BROKEN_START = re.compile(
    rf"(?:(?P<scheme>https?)(?::/?|/+)|//)?"
    rf"(?P<host>(?:\[[0-9a-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::\d{{1,5}})?)(?=[/?#]|$)",
    re.ASCII | re.IGNORECASE,
)
"""What people write in place of `https://host`: `host`, `//host`, `https:/host`, `https:host`, `https//host`."""
_READABLE = re.compile(r"[^\x00-\x20\x7f\\\ud800-\udfff]+")
_PATH_SAFE = "/?%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL names, taken apart; `host` in lower case, without brackets or a trailing dot."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse(url: str, *, private: bool = False) -> Target:
    """The target that `url` names. Raises InvalidRequest, saying what would be right, where it may not be used."""
    free = private or settings().allow_loopback
    # urlsplit drops tabs and newlines and browsers read a backslash as a slash: none of these gets that far.
    if len(url) > URL_CHARACTERS or not _READABLE.fullmatch(url):
        raise InvalidRequest(f"A URL has 1 to {URL_CHARACTERS} characters, without spaces, control characters or '\\'.")
    scheme, authority = _split(url, free)
    if "@" in authority:
        raise InvalidRequest("A URL may not carry a user name or password: remove everything up to the '@'.")
    if not authority:
        raise InvalidRequest(f"The URL names no host: write {scheme}://host/path.")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise InvalidRequest("The URL's host is not a valid ASCII name or address: write other scripts as 'xn--...'.")
    return Target(scheme, (match["v6"] or match["name"]).lower(), _port(scheme, match["port"], free), _path(url))


def _split(url: str, free: bool) -> tuple[str, str]:
    try:
        scheme, authority, *_ = urlsplit(url)
    except ValueError:
        raise InvalidRequest("The URL cannot be read: write https://host/path.") from None
    if scheme not in _schemes(free) or not url[len(scheme) :].startswith("://"):
        raise InvalidRequest(_wrong_start(url, free))
    return scheme, authority


def canonical(url: str) -> str:
    """One spelling for all that lead to the same place as far as their text can tell: case of scheme and host, the
    scheme's own port, a dot behind the host, a slash at the end of the path. A URL that cannot be read is its own."""
    try:
        target = parse(url, private=True)
    except InvalidRequest:
        return url
    path, question, query = target.path.partition("?")
    return f"{target.scheme}://{_compressed(target.host)}:{target.port}{path.rstrip('/')}{question}{query}"


def _compressed(host: str) -> str:
    from ipaddress import ip_address

    try:
        return ip_address(host).compressed
    except ValueError:
        return host


def _schemes(free: bool) -> tuple[str, ...]:
    return ("http", "https") if free else ("https",)


def _wrong_start(url: str, free: bool) -> str:
    """What is wrong with how the URL begins and, where its host can be told and shown, what to write instead."""
    wanted = " or ".join(f"{scheme}://" for scheme in _schemes(free))
    if _SCHEME.match(url):
        return f"A URL must begin with {wanted}."
    found = _BROKEN_START.match(url)
    if found is None:
        return f"A URL must begin with {wanted} and its host."
    scheme = (found["scheme"] or _schemes(free)[0]).lower()
    return f"A URL must begin with {wanted} and its host: write {scheme if free else 'https'}://{found['host']}"


def _port(scheme: str, text: str | None, free: bool) -> int:
    port = int(text) if text else _DEFAULT_PORTS[scheme]
    if free and 0 < port < 65536:
        return port
    if free:
        raise InvalidRequest(f"A URL's port is a number from 1 to 65535, not {port}.")
    if port not in PORTS:
        raise InvalidRequest(f"A URL may name port {' or '.join(map(str, sorted(PORTS)))}, not {port}.")
    return port


def _path(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path or "/"
    return quote(f"{path}?{parts.query}" if parts.query else path, safe=_PATH_SAFE)
