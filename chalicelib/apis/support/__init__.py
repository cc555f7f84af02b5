"""The support API (customer-service.md): customer-service tasks, the workers that connect for them, and monitoring."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.apis.support.http import api
    from chalicelib.edge import Api

__all__ = ["api"]


def __getattr__(name: str) -> "Api":
    """Import `api` when it is first used: the bundles `live` and `engine` import this package without needing it."""
    if name != "api":
        raise AttributeError(name)
    from chalicelib.apis.support.http import api

    return api
