"""The support API (customer-service.md): tasks of customer service, the workers that connect for them, monitoring."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.apis.support.http import api
    from chalicelib.edge import Api

__all__ = ["api"]


def __getattr__(name: str) -> "Api":
    """Its `api`, once that is asked for: its WebSockets are other bundles' business, which never need the rest."""
    if name != "api":
        raise AttributeError(name)
    from chalicelib.apis.support.http import api

    return api
