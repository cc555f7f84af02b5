"""Whether the API answers, and how much waits to be sent (delqhi-platform.md, "Health Check")."""

from typing import Literal

from chalicelib import clock
from chalicelib.edge import NaiveInstant, Routes, Schema
from chalicelib.engine import messenger

routes = Routes("/health", tag="Health", public=True)


class HealthOut(Schema):
    """An API that answers; it is degraded while its queue does not."""

    status: Literal["healthy", "degraded"]
    timestamp: NaiveInstant
    version: str = "1.0.0"
    service: str = "zimmer-09-clawdbot-bote"
    queue_depth: int | None


@routes.get()
def health() -> HealthOut:
    """See whether the API answers, and about how many messages wait to be sent now."""
    depth = messenger.waiting()
    return HealthOut(status="degraded" if depth is None else "healthy", timestamp=clock.now(), queue_depth=depth)
