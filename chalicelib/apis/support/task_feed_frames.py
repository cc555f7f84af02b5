"""How watchers of the support API are told of changes (docs/reference/websockets.md). The engine imports it: it
stays light."""

from collections.abc import Mapping
from typing import Any

from chalicelib.apis.support.states import TASK_STATUS
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.live.task_feed import FrameBuilder

UPDATES = "support.updates"
"""The channel's name."""


def _update_frame(sequence: int, said: Mapping[str, Any]) -> dict[str, Any]:
    """A change of a task; `timestamp` is in epoch milliseconds, and what does not apply is left out."""
    frame = {
        "type": "task.updated",
        "sequence": sequence,
        "task_id": said["task_id"],
        "version": said["version"],
        "status": TASK_STATUS[Status(said["status"])],
        "timestamp": said["at"],
        "task_type": said["type"],
        "channel": said["label"],
        "attempt": said["attempt"],
        "progress": said["progress"],
        "worker_id": said["worker_id"],
        "error": said["error"],
    }
    return {name: value for name, value in frame.items() if value is not None}


FRAME_BUILDER = FrameBuilder(
    update=_update_frame,
    reset=lambda sequence: {"type": "reset", "sequence": sequence},
    watching=lambda sequence: {"type": "watching", "sequence": sequence},
)
