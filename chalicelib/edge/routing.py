"""Routes as data: the decorators collect endpoints, which are mounted, documented and tested."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import EllipsisType, MappingProxyType
from typing import Any, NamedTuple, TypeVar

from chalicelib.errors import YardmasterError

Handler = TypeVar("Handler", bound=Callable[..., Any])
Roles = str | tuple[str, ...] | None


class Header(NamedTuple):
    """`Annotated[T, Header("Idempotency-Key")]`: the parameter comes from this request header."""

    name: str


class Query(NamedTuple):
    """`Annotated[T, Query("camelName")]`: the query parameter's name in requests, if it is not the Python one.

    One that is `many` is a list: with commas, by repeating it, or both. Its type reads the text with commas.
    """

    name: str = ""
    many: bool = False


ErrorRenderer = Callable[[YardmasterError], tuple[int, Any]]
"""Returns the status and the body of the answer to an error."""


class Endpoint(NamedTuple):
    """One operation: its path, who may call it, how it answers, and the function that handles it."""

    method: str
    path: str
    handler: Callable[..., Any]
    name: str
    """Unique in its Api; the OpenAPI operationId."""
    tag: str
    summary: str
    description: str
    roles: tuple[str, ...]
    """The caller needs one of these; empty means any authenticated caller."""
    public: bool
    """Neither authenticated nor limited."""
    limit: str
    """Which of the Api's limits it counts against."""
    status: int
    errors: tuple[int, ...]
    """Statuses it may answer beyond those that follow from its signature."""
    answers: Mapping[int, Any]
    """Status -> what a public endpoint answers instead of the dialect's document: a Raw type, or a model, sent bare."""
    render_error: ErrorRenderer | None = None
    """Renders every error of this endpoint, in place of the API's dialect."""
    if_too_large: str = ""
    """What a caller whose body is too large can do: the end of the error's message."""


@dataclass
class Routes:
    """A group of endpoints under one prefix; its endpoints inherit `role` and `public`.

    `role` is one role, several roles of which the caller needs one, or None for every authenticated caller.
    """

    prefix: str
    tag: str
    role: Roles = None
    public: bool = False
    endpoints: list[Endpoint] = field(default_factory=list)

    def get(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        return self._route("GET", path, **options)

    def post(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        return self._route("POST", path, **options)

    def put(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        return self._route("PUT", path, **options)

    def patch(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        return self._route("PATCH", path, **options)

    def delete(self, path: str = "", **options: Any) -> Callable[[Handler], Handler]:
        return self._route("DELETE", path, **options)

    def _route(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        role: Roles | EllipsisType = ...,
        public: bool | None = None,
        limit: str = "default",
        errors: Sequence[int] = (),
        answers: Mapping[int, Any] = MappingProxyType({}),
        render_error: ErrorRenderer | None = None,
        if_too_large: str = "",
        name: str | None = None,
        summary: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Collect the decorated function unchanged; options that are left out are the group's."""

        def collect(handler: Handler) -> Handler:
            headline, _, rest = (inspect.getdoc(handler) or "").partition("\n")
            self.endpoints.append(
                Endpoint(
                    method=method,
                    path=self.prefix + path,
                    handler=handler,
                    name=name or handler.__name__,
                    tag=self.tag,
                    summary=summary or headline.removesuffix("."),
                    description=rest.strip(),
                    roles=_as_tuple(self.role if isinstance(role, EllipsisType) else role),
                    public=self.public if public is None else public,
                    limit=limit,
                    status=status,
                    errors=tuple(errors),
                    answers=answers,
                    render_error=render_error,
                    if_too_large=if_too_large,
                )
            )
            return handler

        return collect


def _as_tuple(role: Roles) -> tuple[str, ...]:
    if role is None:
        return ()
    return (role,) if isinstance(role, str) else role
