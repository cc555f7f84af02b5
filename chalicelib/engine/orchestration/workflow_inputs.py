"""What a workflow gets of the task that it does: what is in the task, and what the caller says besides.

The steps say what they can use. What the caller says and no step can use is refused; what is in the task's metadata,
which are its owner's own, is left out then.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.tasks.task import Task
from chalicelib.domain.workflows.workflow import Step, Workflow
from chalicelib.engine import content_tasks
from chalicelib.engine.content_tasks import METADATA
from chalicelib.engine.workers import performers
from chalicelib.errors import InvalidRequest


def build(workflow: Workflow, task: Task, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The input of a workflow that does a task: the task's name as its topic, its brief, of which its metadata are a
    part, and the parameters; of each field the latest of these.

    Raises InvalidRequest for parameters that no step can use, and for what the first step needs and nobody says.
    """
    require_fit(workflow, parameters)
    given = {**own_input(workflow, task), **parameters}
    _refuse(dict.fromkeys(find_missing(workflow, given), performers.REQUIRED))
    return given


def own_input(workflow: Workflow, task: Task) -> dict[str, Any]:
    """What a task itself says to a workflow: its name as the topic, its brief, and of its metadata what can be used."""
    brief = content_tasks.brief_of(task)
    metadata = brief.get(METADATA, {})
    unfit = _find_unfit(workflow, metadata)
    return {
        "topic": task.name,
        **{name: value for name, value in brief.items() if name != METADATA},
        **{name: value for name, value in metadata.items() if name not in unfit},
    }


def require_fit(workflow: Workflow, parameters: Mapping[str, Any]) -> None:
    """Raise InvalidRequest, which names them, for parameters that a step of the workflow cannot use."""
    _refuse(_find_unfit(workflow, parameters))


def find_missing(workflow: Workflow, given: Mapping[str, Any]) -> list[str]:
    """What the first step of a workflow needs and is not given."""
    return [name for name, what in _find_problems(workflow.steps[0], given).items() if what == performers.REQUIRED]


def _find_unfit(workflow: Workflow, inputs: Mapping[str, Any]) -> dict[str, str]:
    """What a step cannot use -> what is wrong with it. What is missing may come from elsewhere."""
    problems = {name: what for step in workflow.steps for name, what in _find_problems(step, inputs).items()}
    return {name: what for name, what in problems.items() if name in inputs}


def _find_problems(step: Step, given: Mapping[str, Any]) -> dict[str, str]:
    return performers.find_problems(step.pool, step.type, {"input": given, "previous": None})


def _refuse(problems: Mapping[str, str]) -> None:
    if problems:
        fields = {f"parameters.{name}": what for name, what in problems.items()}
        raise InvalidRequest("; ".join(f"{name} {what}" for name, what in fields.items()), fields=fields)
