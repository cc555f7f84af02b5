"""Pages of a list: by number, or behind a cursor that the links carry."""

from collections.abc import Sequence
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from pydantic import Field

from chalicelib.edge import Links, Paged, Pagination, Request

T = TypeVar("T")

PageNumber = Annotated[int, Field(ge=1, le=10**9, description="Page number.")]
PageSize = Annotated[int, Field(ge=1, le=100, description="Items per page.")]
Cursor = Annotated[
    str, Field(max_length=1024, description="From `links.next`: goes on there, whatever was added meanwhile.")
]


def paged(
    request: Request, rows: Sequence[T], *, page: int, limit: int, total: int, cursor: str | None = None
) -> Paged[T]:
    """The page of rows with its surroundings; `cursor` is the next page's, where the list has any."""
    pages = -(-total // limit)
    last, more = max(1, pages), page < pages

    def link(number: int, behind: str | None = None) -> str:
        query = {name: given for name, given in request.values.items() if name != "cursor"}
        query |= {"page": (str(number),), "limit": (str(limit),)} | ({"cursor": (behind,)} if behind else {})
        return f"{request.path}?{urlencode(query, doseq=True)}"

    return Paged(
        data=list(rows),
        pagination=Pagination(page=page, limit=limit, total=total, pages=pages, has_next=more, has_prev=page > 1),
        links=Links(
            first=link(1),
            last=link(last),
            next=link(page + 1, cursor) if more else None,
            prev=link(min(page - 1, last)) if page > 1 else None,  # behind the end, back to it
        ),
    )


def sliced(request: Request, rows: Sequence[T], *, page: int, limit: int) -> Paged[T]:
    """The page of rows that are all known."""
    return paged(request, rows[(page - 1) * limit : page * limit], page=page, limit=limit, total=len(rows))
