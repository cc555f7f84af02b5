"""The health check (delqhi-platform.md, "Health Check")."""

from typing import Literal

from chalicelib.edge import Routes, Schema
from chalicelib.engine.recognition import readiness
from chalicelib.engine.statistics import process_usage

routes = Routes("/health", tag="Health", public=True)


class Solvers(Schema):
    """Which recognisers are loaded and have recognised a built-in sample."""

    ocr: bool
    slider: bool
    audio: bool
    click: bool
    image_classifier: bool


class HealthOut(Schema):
    """`healthy` if all recognisers work, `degraded` if some do, `unavailable` if none does."""

    status: Literal["healthy", "degraded", "unavailable"]
    version: str = "1.0.0"
    solvers: Solvers
    uptime_seconds: float


@routes.get()
def health() -> HealthOut:
    """See which recognisers work. The first call loads them all, which takes some seconds."""
    ready = readiness.ready_capabilities()
    solvers = Solvers(
        ocr="ocr" in ready,
        slider="offset" in ready,
        audio="transcribe" in ready,
        click="detect" in ready,
        image_classifier="classify" in ready,
    )
    return HealthOut(status=_status(solvers), solvers=solvers, uptime_seconds=process_usage.uptime_seconds())


def _status(solvers: Solvers) -> Literal["healthy", "degraded", "unavailable"]:
    working = dict(solvers).values()
    return "healthy" if all(working) else "degraded" if any(working) else "unavailable"
