"""What a handler may return besides a model, and what the kernel makes of either.

A plain model is answered with the endpoint's status. The wrappers are for the few that need more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Answer(NamedTuple):
    """A finished HTTP answer."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Reply(Generic[T]):
    """A value with a status or headers of its own; `status=None` means the endpoint's."""

    value: T
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Created(Reply[T]):
    """A 201 that says where the new thing is."""

    def __init__(self, value: T, *, location: str) -> None:
        super().__init__(value, 201, {"Location": location})


class Bare(Reply[T]):
    """A value that is answered as it is, without the dialect's envelope."""


@dataclass(frozen=True)
class Raw:
    """Text that is sent as it stands; a subclass names its media type."""

    media_type: ClassVar[str] = "text/plain; charset=utf-8"

    content: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Html(Raw):
    media_type = "text/html; charset=utf-8"


class JsonText(Raw):
    """A JSON document that is already text."""

    media_type = "application/json"
