"""The bundle `live`: the WebSockets of all APIs."""

from chalicelib.apis.projects.live import channels as projects
from chalicelib.apis.support.live import channels as support
from chalicelib.edge import Channel, Switchboard
from chalicelib.engine import connections, frames

CHANNELS: dict[str, tuple[Channel, ...]] = {"support": support, "projects": projects}
"""API name -> what it serves."""

switchboard = Switchboard((one for served in CHANNELS.values() for one in served), connections.find, frames.answer)
