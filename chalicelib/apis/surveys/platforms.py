"""Platforms (delqhi-platform.md, "List Platforms")."""

from pydantic import Field

from chalicelib.apis.surveys.access import POOL
from chalicelib.apis.surveys.states import PlatformStatus, platform_status
from chalicelib.config import settings
from chalicelib.edge import Caller, Routes, Schema
from chalicelib.engine import surveys

routes = Routes("/api/platforms", tag="Platforms")


class PlatformRow(Schema):
    """A platform. `active`: a live worker offers it. `paused`: the live workers that offer it are out of rotation.
    `configured`: no live worker offers it."""

    id: str = Field(examples=["swagbucks"])
    name: str = Field(examples=["Swagbucks"])
    status: PlatformStatus


class PlatformList(Schema):
    """The platforms of this deployment."""

    platforms: list[PlatformRow]


@routes.get()
def list_platforms(caller: Caller) -> PlatformList:
    """List the platforms on which sessions can be started."""
    names, offered = settings().survey_platforms, surveys.workers_by_platform(caller.org, POOL)
    rows = [
        PlatformRow(id=name, name=names[name], status=platform_status(offering)) for name, offering in offered.items()
    ]
    return PlatformList(platforms=rows)
