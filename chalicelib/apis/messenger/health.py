"""The health check: whether the API answers, and how many messages wait (delqhi-platform.md, "Health Check")."""

from typing import Literal

from pydantic import Field

from chalicelib import clock
from chalicelib.edge import NaiveInstant, Routes, Schema
from chalicelib.engine.messaging import notifications

routes = Routes("/health", tag="Health", public=True)


class HealthOut(Schema):
    """The API's health. It is degraded while its queue or its table does not answer."""

    status: Literal["healthy", "degraded"]
    timestamp: NaiveInstant
    version: str = "1.0.0"
    service: str = "zimmer-09-clawdbot-bote"
    queue_depth: int | None = Field(
        description="Messages that wait to be sent, of all organizations: one for each provider. null while unknown."
    )
    waiting_for_retry: int | None = Field(
        description="How many of them are not due yet: they wait for their next attempt, or are being sent."
    )


@routes.get()
def health() -> HealthOut:
    """See whether the API answers, and about how many messages wait to be sent."""
    depth, later = notifications.count_waiting() or (None, None)
    return HealthOut(
        status="degraded" if depth is None else "healthy",
        timestamp=clock.now(),
        queue_depth=depth,
        waiting_for_retry=later,
    )
