"""A page of a list, for dialects with an envelope."""

from typing import Generic, TypeVar

from pydantic import Field

from chalicelib.edge.schemas import CamelSchema

T = TypeVar("T")


class Pagination(CamelSchema):
    """The page's place among all pages."""

    page: int
    limit: int
    total: int = Field(description="Of all pages.")
    pages: int
    has_next: bool
    has_prev: bool


class Links(CamelSchema):
    """Paths of other pages; null where there is none."""

    first: str
    last: str
    next: str | None
    prev: str | None


class Paged(CamelSchema, Generic[T]):
    """One page: its rows, and the paths of the others."""

    data: list[T]
    pagination: Pagination
    links: Links
