"""Performers: classes that do a task inside Yardmaster, each with a task type, an input model and `perform`.

A performer is registered for its pools by its class's path, so that a function that only needs the task type does not
import the class.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from pydantic import BaseModel


class Performer(Protocol):
    """Does one type of task within seconds, from the input alone. It may do the same task more than once."""

    name: ClassVar[str]
    """The task type."""
    input: ClassVar["type[BaseModel]"]
    """The model of the task's payload."""

    def perform(self, payload: Any) -> Any:
        """The result for an instance of `input`, as a JSON value.

        InvalidRequest, TooLarge and NotConfigured fail the task for good, and their message is shown. Unavailable gives
        it back, to be performed after its `retry_after`. Any other exception fails the attempt.
        """


RECOGNITION = "recognition:"
"""The prefix of the task types that need recognition's libraries, which only some functions have."""
_RECOGNITION = "chalicelib.providers.performers.recognition"
PERFORMERS: Mapping[str, Mapping[str, str]] = {
    "coordinator": {
        f"{RECOGNITION}ocr": f"{_RECOGNITION}:ReadText",
        f"{RECOGNITION}slider": f"{_RECOGNITION}:FindOffset",
        f"{RECOGNITION}transcribe": f"{_RECOGNITION}:Transcribe",
        f"{RECOGNITION}detect": f"{_RECOGNITION}:DetectObjects",
        f"{RECOGNITION}classify": f"{_RECOGNITION}:ClassifyImages",
    },
    "support": {"sentiment_analysis": "chalicelib.providers.performers.sentiment:SentimentAnalysis"},
}
"""Pool -> task type -> path of its performer's class."""


def is_recognition(name: str | None) -> bool:
    """Whether the performer of a task type needs recognition's libraries."""
    return name is not None and name.startswith(RECOGNITION)


def task_types(pool: str) -> tuple[str, ...]:
    """The task types that have a performer in a pool."""
    return tuple(sorted(PERFORMERS.get(pool, ())))


def find_performer(pool: str, name: str) -> Performer | None:
    """The performer of a task type, or None where it has none."""
    path = PERFORMERS.get(pool, {}).get(name)
    return None if path is None else _load(path)


@cache
def _load(path: str) -> Performer:
    module, _, name = path.partition(":")
    performer: Performer = getattr(importlib.import_module(module), name)()
    return performer
