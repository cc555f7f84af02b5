"""The coordinator API's words for the engine's states and priorities, both ways."""

from typing import Literal

from chalicelib import clock
from chalicelib.domain.tasks.rotation import Rotation
from chalicelib.domain.tasks.task import MAX_PRIORITY, Status
from chalicelib.domain.tasks.worker import Worker

TaskStatus = Literal["pending", "assigned", "running", "completed", "failed", "cancelled"]
WorkerStatus = Literal["online", "busy", "offline"]
Priority = Literal["low", "normal", "high", "critical"]
Kind = Literal["general", "captcha", "survey", "browser", "scraper"]
"""Of tasks, and of the workers that do them."""
GENERAL: Kind = "general"
"""The kind of task that any worker may do."""

TASK_STATUS: dict[Status, TaskStatus] = {
    Status.PENDING: "pending",
    Status.LEASED: "assigned",
    Status.RUNNING: "running",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "failed",
    Status.CANCELLED: "cancelled",
}

ENGINE_STATUS: dict[TaskStatus, frozenset[Status]] = {
    word: frozenset(status for status, spoken in TASK_STATUS.items() if spoken == word)
    for word in set(TASK_STATUS.values())
}

ENGINE_PRIORITY: dict[Priority, int] = {"low": 2, "normal": 4, "high": 6, "critical": 8}
PRIORITY: dict[int, Priority] = {
    urgency: max(
        (word for word in ENGINE_PRIORITY if ENGINE_PRIORITY[word] <= urgency),
        key=ENGINE_PRIORITY.__getitem__,
        default="low",
    )
    for urgency in range(MAX_PRIORITY + 1)
}

ROTATION: dict[WorkerStatus, Rotation] = {
    "online": Rotation.OPEN,
    "busy": Rotation.CLOSED,
    "offline": Rotation.DRAINED,
}
"""What a worker that is said to be so may be given."""


def worker_status(worker: Worker) -> WorkerStatus:
    """offline when it is not heard of or was drained, busy when it is to get nothing more or has no room."""
    if not worker.alive or worker.drained or worker.silent(clock.now()):
        return "offline"
    return "busy" if worker.maintenance or not worker.room else "online"
