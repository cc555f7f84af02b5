"""The coordinator API's names for the engine's states and priorities, in both directions."""

from typing import Literal

from chalicelib import clock
from chalicelib.domain.tasks.rotation import Rotation
from chalicelib.domain.tasks.task import MAX_PRIORITY, Status
from chalicelib.domain.tasks.worker import Worker

TaskStatus = Literal["pending", "assigned", "running", "completed", "failed", "cancelled"]
WorkerStatus = Literal["online", "busy", "offline"]
Priority = Literal["low", "normal", "high", "critical"]
Kind = Literal["general", "captcha", "survey", "browser", "scraper"]
"""The type of a task, and of the workers that perform it."""
RecognitionKind = Literal[
    "recognition:ocr",
    "recognition:slider",
    "recognition:transcribe",
    "recognition:detect",
    "recognition:classify",
]
"""The type of a task that Yardmaster performs itself."""
GENERAL: Kind = "general"
"""The type of task that any worker may perform."""

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
    word: frozenset(status for status, name in TASK_STATUS.items() if name == word)
    for word in set(TASK_STATUS.values())
}

ENGINE_PRIORITY: dict[Priority, int] = {"low": 2, "normal": 4, "high": 6, "critical": 8}
PRIORITY: dict[int, Priority] = {
    number: max(
        (word for word in ENGINE_PRIORITY if ENGINE_PRIORITY[word] <= number),
        key=ENGINE_PRIORITY.__getitem__,
        default="low",
    )
    for number in range(MAX_PRIORITY + 1)
}

ROTATION: dict[WorkerStatus, Rotation] = {
    "online": Rotation.OPEN,
    "busy": Rotation.CLOSED,
    "offline": Rotation.DRAINED,
}
"""What it means for rotation when a worker's status is set."""


def worker_status(worker: Worker) -> WorkerStatus:
    """offline without a heartbeat or when drained; busy when out of rotation or without a free slot; else online."""
    if not worker.alive or worker.drained or worker.is_silent(clock.now()):
        return "offline"
    return "busy" if worker.maintenance or not worker.free_slots else "online"
