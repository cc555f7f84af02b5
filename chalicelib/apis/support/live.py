"""The support API's WebSockets (docs/reference/websockets.md): workers that get tasks, and watchers of all tasks."""

from chalicelib.apis.support.access import authenticate
from chalicelib.apis.support.task_feed_frames import UPDATES
from chalicelib.edge import (
    Caller,
    Channel,
    CodedErrors,
    ConnectRequest,
    FrameHandler,
    Schema,
    error_frame,
)
from chalicelib.engine.live import connections, task_feed
from chalicelib.engine.live.connections import Connection
from chalicelib.errors import InvalidRequest

MAX_SEQUENCE_DIGITS = 15


class Ping(Schema):
    """A watcher keeps its connection from being closed as idle."""


def _handle_watcher_connect(caller: Caller, request: ConnectRequest) -> None:
    task_feed.watch(Connection(request.connection_id, caller.org, UPDATES), _parse_sequence(request.query.get("since")))


def _parse_sequence(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_SEQUENCE_DIGITS):
        raise InvalidRequest("since: must be a whole number of at least 0", fields={"since": "must be a whole number"})
    return int(text)


def _handle_watcher_disconnect(connection: Connection) -> None:
    connections.forget(connection.id)
    task_feed.leave(connection)


channels = (
    Channel(
        name=UPDATES,
        path="/tasks/updates",
        authenticate=authenticate,
        on_connect=_handle_watcher_connect,
        frame_handlers={"ping": FrameHandler(Ping, lambda *_: {"type": "pong"})},
        render_error=lambda error, _: error_frame(error, CodedErrors()),
        on_disconnect=_handle_watcher_disconnect,
        query=("since",),
    ),
)
