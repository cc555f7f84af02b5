"""What a handler may return besides a model, and the answer that the kernel makes of it.

A plain model is answered with the endpoint's status. The wrappers are for answers that need more.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, Union, get_args, get_origin
from urllib.parse import quote

from chalicelib.edge.cookies import Cookie
from chalicelib.edge.streams import OpenStream

T = TypeVar("T")


class Answer(NamedTuple):
    """A finished HTTP answer."""

    status: int
    headers: dict[str, str]
    body: str | bytes | OpenStream
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


class NoContent(Reply[None]):
    """There is nothing to answer."""

    STATUS: ClassVar[int] = 204

    def __init__(self) -> None:
        super().__init__(None, self.STATUS)


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


@dataclass(frozen=True)
class Binary:
    """Bytes that are sent unchanged. With a `filename` the browser saves them under that name.

    A browser that shows them runs no script of theirs, and gives them no access to the API's origin.
    """

    media_types: ClassVar[str] = "*/*"
    """What the OpenAPI document says that it may be."""

    content: bytes
    media_type: str
    filename: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        headers = {"Content-Type": self.media_type, "Content-Security-Policy": "default-src 'none'; sandbox"}
        return headers | ({"Content-Disposition": attachment(self.filename)} if self.filename else {})


@dataclass(frozen=True)
class Stream:
    """An answer whose parts are sent as they are made.

    The kernel asks for the first part itself: an error until then is answered as any other. A later error ends the
    answer without its proper end. An empty part says that there is nothing to send now; then the kernel or the server
    waits a little before it asks again, so that `parts` itself never waits. `parts` is closed when the client leaves.

    Where answers cannot be sent in parts, the client gets what comes within 25 seconds: it must know how to ask for
    the rest.
    """

    media_types: ClassVar[str] = "text/event-stream"

    parts: Iterator[bytes]
    media_type: str = "text/event-stream; charset=utf-8"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer. The second asks nginx, if there is one, to hold nothing back."""
        return {"Content-Type": self.media_type, "X-Accel-Buffering": "no"}


def attachment(filename: str) -> str:
    """A Content-Disposition with the name: in ASCII, and also as it is where that differs (RFC 6266, appendix D)."""
    plain = re.sub(r"[^ !#$&+\-.^_`|~\w()\[\]{}@,=]", "_", filename, flags=re.ASCII)
    offered = f'attachment; filename="{plain}"'
    return offered if plain == filename else f"{offered}; filename*=UTF-8''{quote(filename, safe='')}"


def result_types(result: Any) -> tuple[Any, ...]:
    """The types that a handler with this annotation may return, such as a page or a redirect."""
    members = get_args(result) if get_origin(result) in (Union, UnionType) else ()
    wrappers = (Raw, Reply, Binary, Stream)
    several = any(is_result(member, kind) for member in members for kind in wrappers)
    return members if several else (result,)


def is_result(result: Any, kind: type) -> bool:
    """Whether a type that a handler returns is of this kind of reply."""
    origin = get_origin(result) or result
    return isinstance(origin, type) and issubclass(origin, kind)
