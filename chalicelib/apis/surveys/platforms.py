"""Platforms (delqhi-platform.md, "List Platforms")."""

from pydantic import Field

from chalicelib.apis.surveys.access import POOL
from chalicelib.apis.surveys.states import PlatformStatus, platform_status
from chalicelib.config import settings
from chalicelib.edge import Caller, Routes, Schema
from chalicelib.engine import surveys

routes = Routes("/api/platforms", tag="Platforms")


class PlatformRow(Schema):
    """A platform. `active`: a live worker serves it; `paused`: those that do are out of rotation; `configured`: none
    does."""

    id: str = Field(examples=["swagbucks"])
    name: str = Field(examples=["Swagbucks"])
    status: PlatformStatus


class PlatformList(Schema):
    """The platforms of this deployment."""

    platforms: list[PlatformRow]


@routes.get()
def list_platforms(caller: Caller) -> PlatformList:
    """List the platforms on which sessions can be started."""
    names, found = settings().survey_platforms, surveys.workers_by_platform(caller.org, POOL)
    rows = [PlatformRow(id=one, name=names[one], status=platform_status(crew)) for one, crew in found.items()]
    return PlatformList(platforms=rows)
