"""The code server API's names for the engine's states, in both directions."""

from typing import Literal

from chalicelib.domain.tasks.task import Phase, Status, Task

TaskStatus = Literal["pending", "running", "completed", "failed", "cancelled"]

TASK_STATUS: dict[Status, TaskStatus] = {
    Status.PENDING: "pending",
    Status.LEASED: "running",
    Status.RUNNING: "running",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "failed",
    Status.CANCELLED: "cancelled",
}
PHASE: dict[TaskStatus, Phase] = {
    "pending": Phase.PENDING,
    "running": Phase.HELD,
    "completed": Phase.COMPLETED,
    "failed": Phase.FAILED,
    "cancelled": Phase.CANCELLED,
}


def error_text(task: Task) -> str | None:
    """Why the task failed, or its latest attempt."""
    return str(task.error["message"]) if task.error is not None else None
