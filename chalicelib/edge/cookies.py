"""Cookies that answers set."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[\w.!#$%&'*+^`|~-]+", re.ASCII)
_VALUE = re.compile(r"[\w.!#$%&'()*+/:<=>?@\[\]^`{|}~-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """One cookie, HttpOnly and SameSite=Lax: no script can read it, and of other sites' requests only links carry it.

    Making one raises ValueError for what a cookie cannot hold. `max_age` is in seconds: 0 removes it, None keeps it
    until the browser is closed.
    """

    name: str
    value: str
    path: str = "/"
    max_age: int | None = None
    secure: bool = True

    def __post_init__(self) -> None:
        if not (_NAME.fullmatch(self.name) and _VALUE.fullmatch(self.value)):
            raise ValueError(f"the cookie {self.name!r} has a name or a value that no cookie can have")

    def __str__(self) -> str:
        """The value of its Set-Cookie header."""
        age = [] if self.max_age is None else [f"Max-Age={self.max_age}"]
        secure = ["Secure"] if self.secure else []
        return "; ".join([f"{self.name}={self.value}", f"Path={self.path}", *age, "HttpOnly", "SameSite=Lax", *secure])
