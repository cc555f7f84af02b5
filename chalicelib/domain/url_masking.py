"""URLs as they may be shown: where they lead, without what they may keep secret."""

import re

_HIDDEN = "***"
_USER = re.compile(r"(?<=//)[^/?#]*@")
_VALUE = re.compile(r"=[^&]*")


def mask_url(url: str) -> str:
    """The URL without a user name and password, and with each value of its query as ***. A parameter that has no `=` is
    hidden whole, since it may be a token."""
    bare, _, query = _USER.sub("", url.partition("#")[0], count=1).partition("?")
    if not query:
        return bare
    return f"{bare}?{'&'.join(_shown(each) for each in query.split('&'))}"


def _shown(parameter: str) -> str:
    return _VALUE.sub(f"={_HIDDEN}", parameter, count=1) if "=" in parameter else _HIDDEN
