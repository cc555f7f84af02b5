"""What a handler may return besides a model, and what the kernel makes of either.

A plain model is answered with the endpoint's status. The wrappers are for the few that need more.
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
    """A 201 that says where the new thing is."""

    def __init__(self, value: T, *, location: str) -> None:
        super().__init__(value, 201, {"Location": location})


class Bare(Reply[T]):
    """A value that is answered as it is, without the dialect's envelope."""


class Redirect(Reply[None]):
    """Go on there: by default as a GET, whatever this request was.

    What may not stand in a header is percent-encoded.
    """

    STATUS: ClassVar[int] = 303

    def __init__(self, location: str, status: int = STATUS, cookies: Sequence[Cookie] = ()) -> None:
        super().__init__(None, status, {"Location": quote(location, safe=_OF_URLS)}, cookies)


_OF_URLS = ":/?#[]@!$&'()*+,;=%"


@dataclass(frozen=True)
class Raw:
    """Text that is sent as it stands; a subclass names its media type. `status=None` means the endpoint's."""

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
