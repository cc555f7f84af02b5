"""The bundle `live`: the WebSockets of all APIs."""

from chalicelib.apis.projects.events import live as projects
from chalicelib.apis.support import live as support
from chalicelib.apis.worker_channel import worker_channel
from chalicelib.edge import Channel, WebSocketRouter
from chalicelib.engine.live import connections, frames

CHANNELS: dict[str, tuple[Channel, ...]] = {
    "support": (worker_channel(support.workers), *support.channels),
    "projects": (worker_channel(projects.workers), *projects.channels),
}
"""API name -> its channels."""

router = WebSocketRouter(
    (channel for channels in CHANNELS.values() for channel in channels), connections.find, frames.reply
)
