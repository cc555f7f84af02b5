"""The built-in performer of the simulation: it succeeds, fails, or refuses its input."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

from pydantic import BaseModel

from chalicelib.domain.tasks.pools import STEPS_POOL
from chalicelib.domain.workflows.definitions import PUBLISH
from chalicelib.domain.workflows.workflow import Step, Workflow
from chalicelib.engine.workflows import registry as workflow_registry
from chalicelib.providers.performers import registry

POOL = "performed"
"""The pool of the performer."""
TOY_STEP = "toy_step"
WORKFLOW = Workflow(
    "toys",
    (
        Step("first", POOL, TOY_STEP, capabilities=(TOY_STEP,), max_attempts=2),
        Step("second", POOL, TOY_STEP, capabilities=(TOY_STEP,)),
    ),
)
PUBLISHING = Workflow("publishing", (Step("write", STEPS_POOL, "write", capabilities=("write",)), PUBLISH))
"""A person must approve its second step, which publishes."""


class ToyInput(BaseModel):
    """The input of the performer: how the task ends, "well" or "badly"."""

    ends: str


class Toy:
    """Ends as its input says."""

    name: ClassVar[str] = "toy"
    input: ClassVar[type[BaseModel]] = ToyInput

    def perform(self, task: ToyInput) -> Any:
        if task.ends == "badly":
            raise RuntimeError("as the input says")
        return task.ends


class ToyStepInput(BaseModel):
    """The input of the execution, and the result of the step before."""

    input: ToyInput
    previous: Any


class ToyStep:
    """A step of a workflow: the first one ends as its execution's input says, the others end well."""

    name: ClassVar[str] = TOY_STEP
    input: ClassVar[type[BaseModel]] = ToyStepInput

    def perform(self, task: ToyStepInput) -> Any:
        if task.previous is None and task.input.ends == "badly":
            raise RuntimeError("as the input says")
        return {"after": task.previous}


@contextmanager
def performing() -> Iterator[None]:
    """Install the performers and the workflow."""
    paths = {performer.name: f"{performer.__module__}:{performer.__qualname__}" for performer in (Toy, ToyStep)}
    with (
        patch.object(registry, "PERFORMERS", {**registry.PERFORMERS, POOL: paths}),
        workflow_registry.use(WORKFLOW, PUBLISHING),
    ):
        yield
