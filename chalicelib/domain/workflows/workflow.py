"""A workflow: named steps, one after the other."""

from typing import NamedTuple


class Step(NamedTuple):
    """One step of a workflow: a task that the workers of its pool perform.

    Its payload is `{"input": <the execution's input>, "previous": <the result of the step before, or null>}`.
    """

    name: str
    pool: str
    type: str
    capabilities: tuple[str, ...] = ()  # what its worker must offer; a built-in performer offers its task type
    approval_seconds: int | None = None  # how long it waits for a person's approval; None: it needs none
    max_attempts: int | None = None  # None: as configured
    timeout_seconds: int | None = None  # of one attempt; None: as configured


class Workflow(NamedTuple):
    """A workflow by its name. An execution keeps the names of its steps: a step may change, but not be renamed."""

    name: str
    steps: tuple[Step, ...]

    @property
    def step_names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)

    def find_step(self, name: str) -> Step:
        """The step of this name. Raises LookupError."""
        return next(step for step in self.steps if step.name == name)
