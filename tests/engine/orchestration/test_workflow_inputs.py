"""What a workflow gets of a task: what its steps can use."""

from typing import Any

import pytest

from chalicelib.domain.workflows.definitions import CONTENT, WORKFLOWS
from chalicelib.engine import content_tasks
from chalicelib.engine.orchestration import workflow_inputs
from chalicelib.errors import InvalidRequest
from tests.support.world import ORG, World

ANALYSIS = next(workflow for workflow in WORKFLOWS if workflow.name == "analysis")


def build(brief: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return workflow_inputs.build(CONTENT, content_tasks.create(ORG, "ann", "Tea", brief), parameters)


def fields_of(error: pytest.ExceptionInfo[InvalidRequest]) -> dict[str, str]:
    assert error.value.fields is not None
    return dict(error.value.fields)


def test_the_latest_of_name_brief_metadata_and_parameters_counts(world: World) -> None:
    metadata = {"style": "dry", "tone": "warm", "mine": [1]}
    given = build({"category": "Drinks", "task_metadata": metadata}, style="formal")
    assert given == {"topic": "Tea", "category": "Drinks", "style": "formal", "tone": "warm", "mine": [1]}
    assert build({"topic": "green tea"})["topic"] == "green tea"


@pytest.mark.parametrize(
    "metadata",
    [
        {"depth": "very"},
        {"length": 5},
        {"length": True},
        {"length": "endless"},
        {"style": 7},
        {"sources": "wikipedia"},
        {"sources": ["wikipedia"]},
        {"sources": [{"title": "x"}]},
        {"key_points": "one"},
        {"checks": ["luck"]},
        {"content": ["a"]},
        {"quality_score": "high"},
    ],
)
def test_what_the_steps_cannot_use_is_left_out_of_metadata_and_refused_as_a_parameter(
    world: World, metadata: dict[str, Any]
) -> None:
    assert build({"task_metadata": metadata | {"tone": "warm"}}) == {"topic": "Tea", "tone": "warm"}
    with pytest.raises(InvalidRequest) as error:
        build({}, **metadata)
    [(name, what)] = fields_of(error).items()
    assert name == f"parameters.{next(iter(metadata))}" and what.startswith("must ")


@pytest.mark.parametrize(
    "metadata",
    [
        {"length": 1_500},
        {"length": "long"},
        {"style": "formal"},
        {"sources": ["news", "https://example.org/tea", "Tea is hot.", {"text": "Tea is hot."}]},
        {"quality_score": 92},
    ],
)
def test_what_the_steps_can_use_they_get(world: World, metadata: dict[str, Any]) -> None:
    assert build({"task_metadata": metadata}) == {"topic": "Tea"} | metadata == build({}, **metadata)


def test_what_the_first_step_needs_must_be_there(world: World) -> None:
    for brief in ({}, {"task_metadata": {"content": 7}}):
        task = content_tasks.create(ORG, "ann", "Tea", brief)
        with pytest.raises(InvalidRequest) as error:
            workflow_inputs.build(ANALYSIS, task, {})
        assert fields_of(error) == {"parameters.content": "is required"}
        assert workflow_inputs.build(ANALYSIS, task, {"content": "It is hot."})["content"] == "It is hot."
    owned = content_tasks.create(ORG, "ann", "Tea", {"task_metadata": {"content": "It is hot."}})
    assert workflow_inputs.build(ANALYSIS, owned, {})["content"] == "It is hot."


def test_every_problem_is_named(world: World) -> None:
    with pytest.raises(InvalidRequest) as error:
        build({}, depth="very", length=5)
    assert fields_of(error) == {
        "parameters.depth": "must be 'deep', 'moderate' or 'shallow'",
        "parameters.length": "must be 'short', 'medium' or 'long', or be greater than or equal to 20",
    }
