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
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise InvalidRequest("The URL's host is not a valid ASCII name or address: write other scripts as 'xn--...'.")
    return Target(scheme, (match["v6"] or match["name"]).lower(), _port(scheme, match["port"], free), _path(url))


def _split(url: str, free: bool) -> tuple[str, str]:
    try:
        scheme, authority, *_ = urlsplit(url)
    except ValueError:
        raise InvalidRequest("The URL cannot be read: write https://host/path.") from None
    if scheme != "https" and not (scheme == "http" and free):
        raise InvalidRequest("A URL must begin with https://.")
    return scheme, authority


def _port(scheme: str, text: str | None, free: bool) -> int:
    port = int(text) if text else _DEFAULT_PORTS[scheme]
    if free and 0 < port < 65536:
        return port
    if port not in PORTS:
        raise InvalidRequest(f"A URL may name port {' or '.join(map(str, sorted(PORTS)))}, not {port}.")
    return port


def _path(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path or "/"
    return quote(f"{path}?{parts.query}" if parts.query else path, safe=_PATH_SAFE)
