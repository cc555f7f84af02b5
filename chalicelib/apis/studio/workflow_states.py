"""The document's words for the states of workflows and their steps. It has three sets of them for an execution."""

from collections.abc import Mapping
from typing import Literal

from chalicelib.domain.tasks.task import TERMINAL, Status

ProcessStatus = Literal["processing", "completed", "failed"]
PROCESS_STATUSES: Mapping[Status, ProcessStatus] = {
    Status.PENDING: "processing",
    Status.LEASED: "processing",
    Status.RUNNING: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "failed",
    Status.CANCELLED: "failed",
}
Outcome = Literal["success", "failure"]
OUTCOMES: Mapping[Status, Outcome] = {
    status: "success" if status is Status.COMPLETED else "failure" for status in TERMINAL
}
"""Of an execution that has ended."""
StepStatus = Literal["pending", "awaiting_approval", "running", "completed", "failed", "cancelled"]
STEP_STATUSES: Mapping[Status, StepStatus] = {
    Status.PENDING: "pending",
    Status.LEASED: "running",
    Status.RUNNING: "running",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "failed",
    Status.CANCELLED: "cancelled",
}
