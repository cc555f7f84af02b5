"""The support API's names for the engine's states, in both directions."""

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
    word: frozenset(status for status, name in TASK_STATUS.items() if name == word)
    for word in set(TASK_STATUS.values())
}

PRIORITY: dict[Priority, int] = {"low": 2, "normal": 4, "high": 6, "urgent": 8}


def worker_status(worker: Worker) -> WorkerStatus:
    """offline without a connection, active while the worker holds a task, else idle."""
    if worker.connection is None or not worker.alive:
        return "offline"
    return "active" if worker.leases else "idle"
