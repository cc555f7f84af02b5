"""The health check (delqhi-platform.md, "Health Check" of Agent-04.1)."""

from typing import Literal

from chalicelib import clock
from chalicelib.edge import NaiveInstant, Routes, Schema
from chalicelib.engine.statistics import process_usage

routes = Routes("/health", tag="Health", public=True)


class HealthOut(Schema):
    """An API that answers."""

    status: Literal["healthy"] = "healthy"
    service: str = "openhands-codeserver"
    agent: str = "04.1"
    version: str = "1.0.0"
    uptime_seconds: int
    timestamp: NaiveInstant


@routes.get()
def health() -> HealthOut:
    """See whether the API answers, and for how long this process has."""
    return HealthOut(uptime_seconds=process_usage.uptime_s(), timestamp=clock.now())
