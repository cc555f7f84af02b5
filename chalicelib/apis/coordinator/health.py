"""The health check (delqhi-platform.md, "Health Check")."""

from typing import Literal

from chalicelib import clock
from chalicelib.edge import NaiveInstant, Routes, Schema

routes = Routes("/health", tag="Health", public=True)


class HealthOut(Schema):
    """An API that answers."""

    status: Literal["healthy"] = "healthy"
    timestamp: NaiveInstant
    version: str = "1.0.0"
    service: str = "zimmer-13-api-coordinator"


@routes.get()
def health() -> HealthOut:
    """See whether the API answers."""
    return HealthOut(timestamp=clock.now())
