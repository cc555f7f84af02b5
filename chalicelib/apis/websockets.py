"""The bundle `live`: the WebSockets of all APIs."""

from chalicelib.apis.codeserver import access as codeserver
from chalicelib.apis.codeserver.live import CodeResultFrame
from chalicelib.apis.projects.events import live as projects
from chalicelib.apis.support import access as support
from chalicelib.apis.support import live as support_live
from chalicelib.apis.worker_channel import worker_channel
from chalicelib.edge import Channel, WebSocketRouter
from chalicelib.engine.live import connections, frames

CHANNELS: dict[str, tuple[Channel, ...]] = {
    "support": (worker_channel(support.WORKERS), *support_live.channels),
    "codeserver": (worker_channel(codeserver.WORKERS, CodeResultFrame, takes_chunks=True),),
    "projects": (worker_channel(projects.workers), *projects.channels),
}
"""API name -> its channels."""

router = WebSocketRouter(
    (channel for channels in CHANNELS.values() for channel in channels), connections.find, frames.reply
)
