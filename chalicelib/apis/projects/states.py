"""The words of the projects API for the phases and priorities of the engine, in both directions."""

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
PHASE_BY_STATUS: dict[TaskStatus, Phase] = {word: phase for phase, word in TASK_STATUS.items()}

PRIORITY_NUMBER: dict[Priority, int] = {"low": 2, "medium": 4, "high": 6}
PRIORITY_WORD: dict[int, Priority] = {
    number: max(
        (word for word in PRIORITY_NUMBER if PRIORITY_NUMBER[word] <= number),
        key=PRIORITY_NUMBER.__getitem__,
        default="low",
    )
    for number in range(MAX_PRIORITY + 1)
}
PRIORITY_NUMBERS: dict[Priority, frozenset[int]] = {
    word: frozenset(number for number, other in PRIORITY_WORD.items() if other == word) for word in PRIORITY_NUMBER
}
"""All priorities of the engine that a word stands for."""
