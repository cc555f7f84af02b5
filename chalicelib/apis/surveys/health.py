"""The health check (delqhi-platform.md, "Health Check")."""

from typing import Literal

from chalicelib.edge import Routes, Schema

routes = Routes("/health", tag="Health", public=True)


class HealthOut(Schema):
    """An API that answers."""

    status: Literal["active"] = "active"
    service: str = "sin-survey-worker"
    zimmer: int = 18
    mode: Literal["one_worker_per_platform"] = "one_worker_per_platform"
    paid_services: bool = False


@routes.get()
def health() -> HealthOut:
    """See whether the API answers."""
    return HealthOut()
