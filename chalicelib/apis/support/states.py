"""The support API's words for the engine's states, both ways."""

from typing import Literal

from chalicelib.domain.tasks.task import Status
from chalicelib.domain.tasks.worker import Worker

TaskStatus = Literal["queued", "processing", "completed", "failed", "cancelled"]
WorkerStatus = Literal["active", "idle", "offline"]
Priority = Literal["low", "normal", "high", "urgent"]

TASK_STATUS: dict[Status, TaskStatus] = {
    Status.PENDING: "queued",
    Status.LEASED: "processing",
    Status.RUNNING: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "failed",
    Status.CANCELLED: "cancelled",
}

ENGINE_STATUS: dict[TaskStatus, frozenset[Status]] = {
    word: frozenset(status for status, spoken in TASK_STATUS.items() if spoken == word)
    for word in set(TASK_STATUS.values())
}

PRIORITY: dict[Priority, int] = {"low": 2, "normal": 4, "high": 6, "urgent": 8}


def worker_status(worker: Worker) -> WorkerStatus:
    """offline without a connection; else active while it holds a task."""
    if worker.connection is None or not worker.alive:
        return "offline"
    return "active" if worker.leases else "idle"
