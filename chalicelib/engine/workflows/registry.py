"""The workflows that there are, by name."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.domain.workflows.definitions import WORKFLOWS
from chalicelib.domain.workflows.workflow import Workflow
from chalicelib.errors import NotFound

_workflows: dict[str, Workflow] = {workflow.name: workflow for workflow in WORKFLOWS}


@contextmanager
def use(*workflows: Workflow) -> Iterator[None]:
    """These workflows in the place of the own ones, for as long as the context lasts."""
    global _workflows
    before, _workflows = _workflows, {workflow.name: workflow for workflow in workflows}
    try:
        yield
    finally:
        _workflows = before


def is_known(name: str) -> bool:
    """Whether there is a workflow of this name."""
    return name in _workflows


def find(name: str) -> Workflow:
    """The workflow of this name. Raises NotFound."""
    if not is_known(name):
        raise NotFound("Workflow", name)
    return _workflows[name]


def find_all() -> list[Workflow]:
    """Every workflow, by name."""
    return [_workflows[name] for name in sorted(_workflows)]
