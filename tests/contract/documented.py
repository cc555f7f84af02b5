"""A documented endpoint as data, and what else the contract tests have names for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urlencode

from chalicelib.edge.api import VARIABLE
from chalicelib.edge.schemas import FORM, JSON, MULTIPART
from tests.domain.files.test_image_size import png
from tests.support import parts


class Thing(NamedTuple):
    """Something in a scene; `kind` is its name in the words of its 404."""

    kind: str
    id: str


class Told(NamedTuple):
    """What an error says, whatever its shape. `fields` is None where a dialect names none."""

    code: str
    message: str
    fields: Mapping[str, str] | None = None
    status: int | None = None
    """The status and the request's id, where a dialect repeats them."""
    request_id: str | None = None


class Submitting(NamedTuple):
    """How a task comes in, and how it is read: endpoint ids, and where in the answer its id is."""

    post: str
    get: str
    id: str = "id"
    alone: Any = None
    """A body that names nothing else, where the documented one does."""


class Paging(NamedTuple):
    """How an endpoint pages: where in the answer the list is, the bounds of its limit, and where the rest is."""

    items: str
    default: int
    most: int
    total: str = "total"
    cursor: str = "next_cursor"
    id: str = "id"
    link: bool = False
    """Whether `cursor` is the address of the next page, which has the cursor in it."""


class Allowance(NamedTuple):
    """How many requests a caller has in a window, and how many at once."""

    limit: int
    at_once: int


@dataclass(frozen=True)
class Documented:
    """One documented endpoint."""

    id: str
    auth: str = "required"
    """Who may call it, in the document's words: "required" is anyone known."""
    request: Any = None
    response: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    """As the document's example has it."""
    filters: Sequence[str] = ()
    """Further query parameters that it takes."""
    also: Sequence[Any] = ()
    """Further bodies that the document's clients send."""
    sent_as: str = JSON
    """The media type of the request. In one of several parts, a text that begins with @ is a file of that name."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.id.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.id.partition(" ")[2]

    @property
    def variables(self) -> list[str]:
        return VARIABLE.findall(self.path)

    def url(self, values: Mapping[str, str]) -> str:
        """Its address; `values` fill the path, and take the place of the example's in the query."""
        query = "&".join(f"{name}={values.get(name, example)}" for name, example in self.query.items())
        path = VARIABLE.sub(lambda match: values[match[1]], self.path)
        return f"{path}?{query}" if query else path

    def filled(self, known: Mapping[str, str]) -> "Documented":
        """The same, where what the example has of `known` is what it stands for."""
        request, also, query, headers = (
            _filled(one, known) for one in (self.request, self.also, self.query, self.headers)
        )
        return replace(self, request=request, also=also, query=query, headers=headers)

    def sent(self, body: Any) -> tuple[Any, dict[str, str]]:
        """A body of fields as the endpoint reads it, and the headers that say so; any other as it is."""
        if self.sent_as == MULTIPART and isinstance(body, dict):
            return parts.body(*(_part(name, str(text)) for name, text in body.items())), {
                "Content-Type": parts.MULTIPART
            }
        content = urlencode(body) if self.sent_as == FORM and isinstance(body, dict) else body
        return content, {"Content-Type": self.sent_as}


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    match value:
        case str():
            return known.get(value, value)
        case dict():
            return {name: _filled(inner, known) for name, inner in value.items()}
        case list():
            return [_filled(one, known) for one in value]
    return value


def _part(name: str, text: str) -> bytes:
    if text.startswith("@"):
        return parts.file(png(20, 30), text.rpartition("/")[2], "image/png", at=name)
    return parts.part(text, f'form-data; name="{name}"')


def pick(value: Any, where: str) -> Any:
    """What is there: `a.b` is the field b of the field a."""
    for name in where.split("."):
        value = value[name]
    return value


def without(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The body, but for one of its fields."""
    return {name: value for name, value in body.items() if name != field}
