"""What a handler may return besides a model, and the answer that the kernel makes of it.

A plain model is answered with the endpoint's status. The wrappers are for answers that need more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, NamedTuple, TypeVar
from urllib.parse import quote

from chalicelib.edge.cookies import Cookie

T = TypeVar("T")


class Answer(NamedTuple):
    """A finished HTTP answer."""

    status: int
    headers: dict[str, str]
    body: str
    cookies: Sequence[Cookie] = ()


@dataclass(frozen=True)
class Reply(Generic[T]):
    """A value with a status, headers or cookies of its own; `status=None` means the endpoint's."""

    value: T
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Sequence[Cookie] = ()


class Created(Reply[T]):
    """A 201 with the address of what was created."""

    def __init__(self, value: T, *, location: str) -> None:
        super().__init__(value, 201, {"Location": location})


class Bare(Reply[T]):
    """A value that is sent without the dialect's envelope."""


class Redirect(Reply[None]):
    """Sends the client to another address, by default with a GET. Characters that a header cannot hold are
    percent-encoded."""

    STATUS: ClassVar[int] = 303

    def __init__(self, location: str, status: int = STATUS, cookies: Sequence[Cookie] = ()) -> None:
        super().__init__(None, status, {"Location": quote(location, safe=_URL_CHARACTERS)}, cookies)


_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%"


@dataclass(frozen=True)
class Raw:
    """Text that is sent unchanged; a subclass names its media type. `status=None` means the endpoint's."""

    media_type: ClassVar[str] = "text/plain; charset=utf-8"

    content: str
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    cookies: Sequence[Cookie] = ()


class Html(Raw):
    media_type = "text/html; charset=utf-8"


class JsonText(Raw):
    """A JSON document that is already text."""

    media_type = "application/json"
