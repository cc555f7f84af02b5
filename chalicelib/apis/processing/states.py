"""The processing API's words for the engine's states, in both directions."""

from typing import Literal

from chalicelib.domain.tasks.task import Status
from chalicelib.domain.tasks.worker import Health, Worker

TaskStatus = Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED"]
ServerStatus = Literal["online", "offline", "maintenance", "degraded"]

TASK_STATUS: dict[Status, TaskStatus] = {
    Status.PENDING: "PENDING",
    Status.LEASED: "PROCESSING",
    Status.RUNNING: "PROCESSING",
    Status.COMPLETED: "COMPLETED",
    Status.FAILED: "FAILED",
    Status.TIMED_OUT: "TIMEOUT",
    Status.CANCELLED: "CANCELLED",
}

ENGINE_STATUS: dict[TaskStatus, frozenset[Status]] = {
    word: frozenset(status for status, its_word in TASK_STATUS.items() if its_word == word)
    for word in set(TASK_STATUS.values())
}


def server_status(worker: Worker) -> ServerStatus:
    """offline before maintenance before degraded before online: the first that holds."""
    if not worker.alive:
        return "offline"
    if worker.maintenance:
        return "maintenance"
    return "online" if worker.health is Health.HEALTHY else "degraded"
