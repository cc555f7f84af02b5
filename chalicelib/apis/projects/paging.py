"""Pages of lists: by number, or by a cursor that the links carry."""

from collections.abc import Sequence
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from pydantic import Field

from chalicelib.edge import Links, Paged, Pagination, Request

T = TypeVar("T")

PageNumber = Annotated[int, Field(ge=1, le=10**9, description="Page number.")]
PageSize = Annotated[int, Field(ge=1, le=100, description="Items per page.")]
Cursor = Annotated[
    str, Field(max_length=1024, description="From `links.next`: continues there, even when rows were added since.")
]


def build_page(
    request: Request, rows: Sequence[T], *, page: int, limit: int, total: int, cursor: str | None = None
) -> Paged[T]:
    """The page of rows with its pagination and links; `cursor` is that of the next page, for lists with cursors."""
    pages = -(-total // limit)
    last, has_next = max(1, pages), page < pages

    def link(number: int, cursor: str | None = None) -> str:
        query = {name: values for name, values in request.values.items() if name != "cursor"}
        query |= {"page": (str(number),), "limit": (str(limit),)} | ({"cursor": (cursor,)} if cursor else {})
        return f"{request.path}?{urlencode(query, doseq=True)}"

    return Paged(
        data=list(rows),
        pagination=Pagination(page=page, limit=limit, total=total, pages=pages, has_next=has_next, has_prev=page > 1),
        links=Links(
            first=link(1),
            last=link(last),
            next=link(page + 1, cursor) if has_next else None,
            prev=link(min(page - 1, last)) if page > 1 else None,  # from behind the last page back to it
        ),
    )


def slice_page(request: Request, rows: Sequence[T], *, page: int, limit: int) -> Paged[T]:
    """The page of a list whose rows are all given."""
    return build_page(request, rows[(page - 1) * limit : page * limit], page=page, limit=limit, total=len(rows))
