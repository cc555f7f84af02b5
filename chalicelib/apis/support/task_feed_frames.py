"""The frames for watchers of the support API's tasks (docs/reference/websockets.md). The function for task updates
imports it, so it imports little."""

from collections.abc import Mapping
from typing import Any

from chalicelib.apis.support.states import TASK_STATUS
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.live.task_feed import FrameBuilder

UPDATES = "support.updates"
"""The channel's name."""


def _update_frame(sequence: int, update: Mapping[str, Any]) -> dict[str, Any]:
    """The frame of a task's change. `timestamp` is in epoch milliseconds; fields without a value are left out."""
    frame = {
        "type": "task.updated",
        "sequence": sequence,
        "task_id": update["task_id"],
        "version": update["version"],
        "status": TASK_STATUS[Status(update["status"])],
        "timestamp": update["at"],
        "task_type": update["type"],
        "channel": update["label"],
        "attempt": update["attempt"],
        "progress": update["progress"],
        "worker_id": update["worker_id"],
        "error": update["error"],
    }
    return {name: value for name, value in frame.items() if value is not None}


FRAME_BUILDER = FrameBuilder(
    update=_update_frame,
    reset=lambda sequence: {"type": "reset", "sequence": sequence},
    watching=lambda sequence: {"type": "watching", "sequence": sequence},
)
