"""The projects API's words for the engine's phases and priorities, both ways."""

from typing import Literal

from chalicelib.domain.tasks.task import MAX_PRIORITY, Phase

TaskStatus = Literal["pending", "active", "completed", "failed", "cancelled"]
Priority = Literal["low", "medium", "high"]

TASK_STATUS: dict[Phase, TaskStatus] = {
    Phase.PENDING: "pending",
    Phase.HELD: "active",
    Phase.COMPLETED: "completed",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "cancelled",
}
PHASE: dict[TaskStatus, Phase] = {word: phase for phase, word in TASK_STATUS.items()}

URGENCY: dict[Priority, int] = {"low": 2, "medium": 4, "high": 6}
PRIORITY: dict[int, Priority] = {
    urgency: max((word for word in URGENCY if URGENCY[word] <= urgency), key=URGENCY.__getitem__, default="low")
    for urgency in range(MAX_PRIORITY + 1)
}
URGENCIES: dict[Priority, frozenset[int]] = {
    word: frozenset(urgency for urgency, spoken in PRIORITY.items() if spoken == word) for word in URGENCY
}
"""Every engine priority that a word stands for."""
