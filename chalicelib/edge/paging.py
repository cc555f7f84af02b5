"""A page of a list, as dialects with an envelope show it."""

from typing import Generic, TypeVar

from pydantic import Field

from chalicelib.edge.schemas import CamelSchema

T = TypeVar("T")


class Pagination(CamelSchema):
    """Where a page stands among all."""

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
    """One page: its rows, and how to reach the others."""

    data: list[T]
    pagination: Pagination
    links: Links
