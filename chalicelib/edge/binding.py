"""Bind requests to handlers: a handler's signature is the schema of path, query, headers and body.

The signature is read when the API is mounted, so that a wrong one is found at once. A validator is made when its
parameter is first used, because making all of them would lengthen the cold start.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from chalicelib.edge.api import VARIABLE, Caller
from chalicelib.edge.forms import form_fields
from chalicelib.edge.json_body import read_json
from chalicelib.edge.multipart import multipart_fields
from chalicelib.edge.request import Request
from chalicelib.edge.routing import Endpoint, Header, Query
from chalicelib.edge.schemas import FORM, JSON, MULTIPART, Schema
from chalicelib.edge.validation_errors import MAX_SHOWN_CHARS, JsonSchema, Problem, find_problems, problems_error
from chalicelib.errors import UnsupportedMediaType

Source = Literal["path", "query", "header"]
REQUIRED: Any = inspect.Parameter.empty
READERS: Mapping[str, Callable[[bytes, str], Any]] = {
    JSON: lambda body, _: read_json(body, "body"),
    FORM: form_fields,
    MULTIPART: multipart_fields,
}
"""Media type -> the reader of such a body; it is also given the whole Content-Type."""


@dataclass(frozen=True)
class Parameter:
    """An argument that comes from the path, the query or a header."""

    name: str
    key: str
    """Its name in the request."""
    source: Source
    annotation: Any
    default: Any
    many: bool = False
    """Whether it is a list, which may be given with commas or by repeating the parameter."""

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.annotation)

    @cached_property
    def schema(self) -> JsonSchema:
        return self.adapter.json_schema()

    def read(self, values: Mapping[str, str]) -> Any:
        """The argument's value; raises ValidationError, or KeyError if it is required and absent."""
        text = values.get(self.key)
        if text is not None:
            return self.adapter.validate_strings(text)
        if self.default is REQUIRED:
            raise KeyError(self.key)
        return self.default


@dataclass(frozen=True)
class Body:
    """The argument that is the body, in its model's media type; without a default, an absent body counts as `{}`."""

    name: str
    model: type[Schema]
    default: Any

    @cached_property
    def schema(self) -> JsonSchema:
        return self.model.model_json_schema()

    def read(self, request: Request) -> Any:
        """The validated model; raises ValidationError, InvalidRequest, TooLarge or UnsupportedMediaType."""
        if request.body:
            media_type, content_type = self.model.media_type, request.headers.get("content-type", "")
            _require_once(request.repeated_headers)
            _require_media_type(media_type, content_type)
            _require_no_encoding(request.headers.get("content-encoding", ""))
            return self.model.__pydantic_validator__.validate_python(READERS[media_type](request.body, content_type))
        if self.default is REQUIRED:
            return self.model.__pydantic_validator__.validate_python({})
        return self.default


class Signature(NamedTuple):
    """The parameters and the result of a handler."""

    caller: str | None
    """The name of the argument that gets the principal."""
    request: str | None
    """The name of the argument that gets the request."""
    parameters: tuple[Parameter, ...]
    body: Body | None
    result: Any
    strict: bool = True
    """Whether unknown query parameters are refused."""

    def bind(self, request: Request, caller: Caller | None) -> dict[str, Any]:
        """The handler's keyword arguments; raises InvalidRequest naming every problem, the first as its message."""
        arguments: dict[str, Any] = {}
        problems = [_undecodable_problem(name) for name in request.undecodable]
        problems += self._misplaced(request) + self._repeated_headers(request)
        sources = {"path": request.path_values, "query": self._query(request), "header": request.headers}
        for parameter in self.parameters:
            try:
                arguments[parameter.name] = parameter.read(sources[parameter.source])
            except KeyError:
                problems.append(_missing_problem(parameter))
            except ValidationError as error:
                secret = parameter.source == "header"
                problems += find_problems(error, parameter.schema, root=parameter.key, secret=secret)
        if self.body:
            try:
                arguments[self.body.name] = self.body.read(request)
            except ValidationError as error:
                problems += find_problems(error, self.body.schema)
        if problems:
            raise problems_error(problems)
        if self.caller:
            arguments[self.caller] = caller
        if self.request:
            arguments[self.request] = request
        return arguments

    @property
    def _query_parameters(self) -> dict[str, Parameter]:
        """The parameters of the query, by name."""
        return {parameter.key: parameter for parameter in self.parameters if parameter.source == "query"}

    def _query(self, request: Request) -> Mapping[str, str]:
        """The query's values; those of a list with commas between them."""
        if not request.repeated:
            return request.query
        lists = [
            name for name, parameter in self._query_parameters.items() if parameter.many and name in request.repeated
        ]
        return {**request.query, **{name: ",".join(request.values[name]) for name in lists}}

    def _misplaced(self, request: Request) -> list[Problem]:
        """The problems of the query's names: unknown ones, and those repeated that are not lists."""
        if not (self.strict and request.values):
            return []
        parameters = self._query_parameters
        unknown = [_unknown_problem(name, parameters) for name in request.values if name not in parameters]
        repeated = [name for name in request.values if name in request.repeated and name in parameters]
        return unknown + [_repeated_problem(name) for name in repeated if not parameters[name].many]

    def _repeated_headers(self, request: Request) -> list[Problem]:
        """The problems of header parameters that are given more than once."""
        keys = [parameter.key for parameter in self.parameters if parameter.source == "header"]
        return [_repeated_problem(key) for key in keys if key in request.repeated_headers]


def read_signature(endpoint: Endpoint) -> Signature:
    """Read the handler's signature; raises ValueError where it does not fit its endpoint."""
    handler = endpoint.handler
    hints = get_type_hints(handler, include_extras=True)
    variables = set(VARIABLE.findall(endpoint.path))
    caller, request, parameters, bodies = None, None, [], []
    for name, parameter in inspect.signature(handler).parameters.items():
        if name not in hints:
            raise ValueError(f"{endpoint.name}: the parameter {name!r} has no annotation")
        hint = hints[name]
        if hint is Caller:
            caller = name
        elif hint is Request:
            request = name
        elif (model := _model_of(hint)) is not None:
            bodies.append(Body(name, model, parameter.default))
        else:
            parameters.append(_parameter(name, hint, parameter.default, variables))
    _check(endpoint, variables, caller, parameters, bodies)
    body = bodies[0] if bodies else None
    result = hints.get("return", NoneType)
    return Signature(caller, request, tuple(parameters), body, result, strict=not endpoint.public)


def _check(
    endpoint: Endpoint, variables: set[str], caller: str | None, parameters: list[Parameter], bodies: list[Body]
) -> None:
    if unread := variables - {parameter.key for parameter in parameters if parameter.source == "path"}:
        raise ValueError(f"{endpoint.name}: the path's {', '.join(sorted(unread))} is not a parameter")
    if len(bodies) > 1:
        raise ValueError(f"{endpoint.name}: only one parameter can be the body")
    if caller and endpoint.public:
        raise ValueError(f"{endpoint.name}: a public endpoint has no caller")


def _model_of(hint: Any) -> type[Schema] | None:
    """The model of a body parameter, given as `Model` or `Model | None`."""
    inner = [argument for argument in get_args(hint) if argument is not NoneType] or [hint]
    candidate = inner[0] if len(inner) == 1 else None
    return candidate if inspect.isclass(candidate) and issubclass(candidate, Schema) else None


def _parameter(name: str, hint: Any, default: Any, variables: set[str]) -> Parameter:
    for variable in (name, to_camel(name)):
        if variable in variables:
            return Parameter(name, variable, "path", hint, REQUIRED)
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    for mark in marks:
        if isinstance(mark, Header):
            return Parameter(name, mark.name, "header", hint, default)
        if isinstance(mark, Query):
            return Parameter(name, mark.name or name, "query", hint, default, mark.many)
    return Parameter(name, name, "query", hint, default)


def _missing_problem(parameter: Parameter) -> Problem:
    what = "header" if parameter.source == "header" else "query parameter"
    return Problem(parameter.key, "is required", f"Missing required {what}: {parameter.key}")


def _unknown_problem(name: str, known: Iterable[str]) -> Problem:
    listed = ", ".join(known)
    what = f"is not a query parameter of this endpoint, which has {listed or 'none'}"
    return Problem(name[:MAX_SHOWN_CHARS], what, f"{name[:MAX_SHOWN_CHARS]} {what}")


def _undecodable_problem(name: str) -> Problem:
    what = "must be UTF-8, percent-encoded"
    return Problem(name, what, f"{name}: {what}")


def _repeated_problem(name: str) -> Problem:
    what = "is given more than once"
    return Problem(name, what, f"{name} {what}")


def _require_once(repeated: Collection[str]) -> None:
    for name in ("Content-Type", "Content-Encoding"):
        if name in repeated:
            raise UnsupportedMediaType(f"{name} is given more than once")


def _require_media_type(media_type: str, content_type: str) -> None:
    sent = content_type.partition(";")[0].strip().lower()
    if sent != media_type:
        raise UnsupportedMediaType(f"The body must be {media_type}, not {sent[:MAX_SHOWN_CHARS] or 'of no type'}")


def _require_no_encoding(coding: str) -> None:
    if coding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType(f"The body must have no Content-Encoding, not {coding[:MAX_SHOWN_CHARS]}")
