"""A documented endpoint as data, and the other types of the contract tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urlencode

from chalicelib.edge.api import VARIABLE
from chalicelib.edge.schemas import FORM, JSON, MULTIPART
from tests.domain.files.test_image_size import png
from tests.support import parts


class Resource(NamedTuple):
    """Something that a scene has: a task, a worker, a key. `kind` is its name in the message of its 404."""

    kind: str
    id: str


class ErrorDetails(NamedTuple):
    """The parts of an error, whatever its shape. `fields` is None where the API's errors have no list of fields."""

    code: str
    message: str
    fields: Mapping[str, str] | None = None
    status: int | None = None
    """Status and request id, where the API's errors repeat them."""
    request_id: str | None = None


class Submitting(NamedTuple):
    """How a task is submitted and read: two endpoint ids, and where in the answer the task's id is."""

    post: str
    get: str
    id: str = "id"
    alone: Any = None
    """A body that names no other resource, where the documented one does."""


class Paging(NamedTuple):
    """How an endpoint pages: the place of the list in the answer, default and maximum of the limit, and the places of
    the total and of the cursor."""

    items: str
    default: int
    most: int
    total: str = "total"
    cursor: str = "next_cursor"
    id: str = "id"
    link: bool = False
    """Whether `cursor` is the URL of the next page, which has the cursor in it."""


class Allowance(NamedTuple):
    """How many requests a caller may send in a window, and how many of them at once."""

    limit: int
    at_once: int


@dataclass(frozen=True)
class Documented:
    """One documented endpoint."""

    id: str
    auth: str = "required"
    """Who may call it, in the document's words: "required" is every caller with a credential."""
    request: Any = None
    response: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    """As the document's example has it."""
    filters: Sequence[str] = ()
    """Further query parameters that it takes."""
    also: Sequence[Any] = ()
    """Further bodies that the document's clients send."""
    sent_as: str = JSON
    """The media type of the request. In a multipart body, a text that begins with @ is a file of that name."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.id.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.id.partition(" ")[2]

    @property
    def described_path(self) -> str:
        """Its path in the OpenAPI document, which has no variables of several segments."""
        return self.path.replace("+}", "}")

    @property
    def variables(self) -> list[str]:
        return VARIABLE.findall(self.path)

    def url(self, values: Mapping[str, str]) -> str:
        """The endpoint's URL. `values` fill the path and replace the example's values in the query."""
        query = "&".join(f"{name}={values.get(name, example)}" for name, example in self.query.items())
        path = VARIABLE.sub(lambda match: values[match[1]], self.path)
        return f"{path}?{query}" if query else path

    def with_ids(self, ids: Mapping[str, str]) -> "Documented":
        """The endpoint with the ids that the keys of `ids` stand for in its examples."""
        request, also, query, headers = (
            _replace_texts(one, ids) for one in (self.request, self.also, self.query, self.headers)
        )
        return replace(self, request=request, also=also, query=query, headers=headers)

    def encode(self, body: Any) -> tuple[Any, dict[str, str]]:
        """The body in the endpoint's media type, and the headers for it. A body that is no dict stays as it is."""
        if self.sent_as == MULTIPART and isinstance(body, dict):
            return parts.body(*(_part(name, str(text)) for name, text in body.items())), {
                "Content-Type": parts.MULTIPART
            }
        content = urlencode(body) if self.sent_as == FORM and isinstance(body, dict) else body
        return content, {"Content-Type": self.sent_as}


def _replace_texts(value: Any, replacements: Mapping[str, str]) -> Any:
    match value:
        case str():
            return replacements.get(value, value)
        case dict():
            return {name: _replace_texts(inner, replacements) for name, inner in value.items()}
        case list():
            return [_replace_texts(one, replacements) for one in value]
    return value


def _part(name: str, text: str) -> bytes:
    if text.startswith("@"):
        return parts.file(png(20, 30), text.rpartition("/")[2], "image/png", at=name)
    return parts.part(text, f'form-data; name="{name}"')


def pick(value: Any, where: str) -> Any:
    """The value at a place: `a.b` is the field b of the field a."""
    for name in where.split("."):
        value = value[name]
    return value


def without(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The body without one of its fields."""
    return {name: value for name, value in body.items() if name != field}
