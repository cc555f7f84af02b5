"""All that Yardmaster performs itself: the performers of `providers`, which need their input alone, and those of the
engine, which also need to know for whom they work."""

import importlib
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from chalicelib.domain.tasks.pools import MODELS_POOL, STEPS_POOL
from chalicelib.providers.performers import registry

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from chalicelib.domain.tasks.push_responses import Busy, Done
    from chalicelib.domain.tasks.task import Task
    from chalicelib.domain.tasks.transitions import Failure

REQUIRED = "is required"
"""What is wrong with a field that is not there."""


class EnginePerformer(Protocol):
    """Does one type of task. It waits for others, so its tasks start before it is called: at most one call a lease."""

    name: ClassVar[str]
    """The task type."""
    input: ClassVar["type[BaseModel]"]
    """The model of the task's payload."""

    def perform(self, task: "Task", payload: Any) -> "Done | Failure | Busy":
        """Perform for an instance of `input`: Done with the result, as a JSON value, or the Failure with which the
        attempt ends, or Busy, with which the task is queued again and no attempt is counted. Exceptions mean what those
        of a provider's performer mean."""


_SUBTASKS = "chalicelib.engine.subtasks.performers"
PERFORMERS: Mapping[str, Mapping[str, str]] = {
    MODELS_POOL: {
        "chat": "chalicelib.engine.models.chat_performer:ChatPerformer",
        "studio:creative": f"{_SUBTASKS}:Creative",
        "studio:images": f"{_SUBTASKS}:Images",
    },
    STEPS_POOL: {
        "studio:research": f"{_SUBTASKS}:Research",
        "studio:qa": f"{_SUBTASKS}:Quality",
        "studio:format": f"{_SUBTASKS}:Format",
        "studio:publish": "chalicelib.engine.orchestration.publish_performer:PublishPerformer",
    },
}
"""Pool -> task type -> path of its performer's class, which is imported when it is needed."""


def task_types(pool: str) -> tuple[str, ...]:
    """The task types that have a performer in a pool."""
    return tuple(sorted((*registry.task_types(pool), *PERFORMERS.get(pool, ()))))


def find_performer(pool: str, name: str) -> registry.Performer | EnginePerformer | None:
    """The performer of a task type, or None where it has none."""
    path = PERFORMERS.get(pool, {}).get(name)
    return registry.find_performer(pool, name) if path is None else _load(path)


def is_of_engine(pool: str, name: str) -> bool:
    """Whether the performer of a task type is one of the engine's."""
    return name in PERFORMERS.get(pool, {})


def find_problems(pool: str, name: str, payload: Any) -> dict[str, str]:
    """What the performer of a task type cannot use: field of the payload -> what is wrong with it, under an empty name
    what is wrong with the whole. Empty where it can use all, and where the task type has no performer."""
    from pydantic import ValidationError

    performer = find_performer(pool, name)
    try:
        if performer is not None:
            performer.input.model_validate(payload)
    except ValidationError as error:
        return describe_problems(error)
    return {}


def describe_problems(error: "ValidationError") -> dict[str, str]:
    """Field -> what is wrong with it; under an empty name what is wrong with the whole. Repeats no value."""
    clauses = dict[str, list[str]]()
    for detail in error.errors(include_url=False, include_input=False):
        clauses.setdefault(str(detail["loc"][0]) if detail["loc"] else "", []).append(_clause(detail))
    return {
        name: ", or ".join([first, *(clause.removeprefix("must ") for clause in others)])
        for name, (first, *others) in clauses.items()
    }


def _clause(detail: "ErrorDetails") -> str:
    if detail["type"] == "missing":
        return REQUIRED if len(detail["loc"]) == 1 else f"must have {detail['loc'][-1]}"
    if detail["type"] in ("dict_type", "model_type", "model_attributes_type"):
        return "must be an object"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return re.sub(r"^\w+ should ", "must ", detail["msg"])


@cache
def _load(path: str) -> EnginePerformer:
    module, _, name = path.partition(":")
    performer: EnginePerformer = getattr(importlib.import_module(module), name)()
    return performer
