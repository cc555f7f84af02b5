"""Mask the parts of URLs that can be secret, so that the URLs can be shown."""

import re

_HIDDEN = "***"
_USER = re.compile(r"(?<=//)[^/?#]*@")
_VALUE = re.compile(r"=[^&]*")


def mask_url(url: str) -> str:
    """The URL without user name and password, and with each value of its query as ***. A parameter without `=` is
    masked as a whole, since it may be a token."""
    address, _, query = _USER.sub("", url.partition("#")[0], count=1).partition("?")
    if not query:
        return address
    return f"{address}?{'&'.join(_mask_parameter(each) for each in query.split('&'))}"


def _mask_parameter(parameter: str) -> str:
    return _VALUE.sub(f"={_HIDDEN}", parameter, count=1) if "=" in parameter else _HIDDEN
