"""Subtasks as tasks: of their own, and one after the other as a workflow does them."""

from typing import Any

import pytest

from chalicelib.domain.tasks.pools import MODELS_POOL, STEPS_POOL
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.workflows.definitions import WORKFLOWS
from chalicelib.engine.subtasks import performers
from chalicelib.engine.tasks import lifecycle, submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.workers.performers import find_performer
from tests.support.models import Models
from tests.support.world import ORG, World

FACT = "The agents of AI plan their own work since 2025."
INPUT = {"topic": "AI agents", "depth": "shallow", "sources": [{"text": FACT}], "length": "short"}


def run(world: World, pool: str, type: str, payload: Any) -> Task:
    task = submission.submit(ORG, "dev", Submission(pool, type, 5, payload=payload, capabilities=(type,)))
    world.settle()
    return lifecycle.get(ORG, task.id)


def step(world: World, pool: str, type: str, previous: Any) -> Any:
    task = run(world, pool, type, {"input": INPUT, "previous": previous})
    assert task.status is Status.COMPLETED, task.error
    return lifecycle.load_result(task)


def test_each_step_gets_what_it_needs_from_the_one_before(fake_models: Models) -> None:
    world = fake_models.world
    fake_models.openai.text = f"# Agents\n\n{FACT} They recieve tasks."
    found = step(world, STEPS_POOL, "studio:research", None)
    assert (found["topic"], found["key_points"]) == ("AI agents", [FACT])
    draft = step(world, MODELS_POOL, "studio:creative", found)
    assert (draft["title"], draft["model"], draft["key_points"]) == ("Agents", "clever", [FACT])
    assert FACT in str(fake_models.openai.requests[-1].body)
    checked = step(world, STEPS_POOL, "studio:qa", draft)
    assert checked["title"] == "Agents" and checked["content"] == draft["content"]
    assert checked["quality_score"] < 100 and "spelling" in {issue["kind"] for issue in checked["issues"]}
    post = step(world, STEPS_POOL, "studio:format", checked)
    assert post["quality_score"] == checked["quality_score"]
    assert (post["title"], post["html"]) == ("Agents", f"<p>{FACT} They recieve tasks.</p>\n")


def test_a_title_and_key_points_of_one_s_own_are_kept(fake_models: Models) -> None:
    own = INPUT | {"title": "Mine", "key_points": ["My point.", FACT]}
    research = run(fake_models.world, STEPS_POOL, "studio:research", {"input": own, "previous": None}).result
    assert research is not None and research["key_points"] == ["My point.", FACT]
    fake_models.openai.text = "# Agents\n\nWords."
    draft = run(fake_models.world, MODELS_POOL, "studio:creative", {"input": own, "previous": research}).result
    assert draft is not None and (draft["title"], draft["content"]) == ("Mine", "Words.")
    assert "- My point." in fake_models.openai.requests[-1].body["messages"][-1]["content"]


def test_the_model_is_told_for_whom_and_how_to_write(fake_models: Models) -> None:
    brief = {
        "target_audience": "nurses",
        "tone": "warm",
        "primary_keyword": "night shift",
        "content_type": "newsletter",
    }
    payload = {"input": {"topic": "tea", "style": "formal", "length": 60, **brief}, "previous": None}
    assert run(fake_models.world, MODELS_POOL, "studio:creative", payload).status is Status.COMPLETED
    words = str(fake_models.openai.requests[-1].body["messages"])
    assert [word for word in (*brief.values(), "formal", "60 words") if word not in words] == []


def test_a_text_can_be_improved_by_what_was_found(fake_models: Models) -> None:
    task = run(fake_models.world, MODELS_POOL, "studio:creative", {"content": "Old.", "suggestions": ["Shorten it."]})
    assert task.status is Status.COMPLETED
    assert "Shorten it." in str(fake_models.openai.requests[-1].body)


def test_images_are_made(fake_models: Models) -> None:
    task = run(fake_models.world, MODELS_POOL, "studio:images", {"prompt": "a robot", "style": "3d"})
    assert (task.result or {})["images"][0]["prompt"] == "a robot"


def test_research_without_sources_and_search_finds_nothing_and_says_why(world: World) -> None:
    task = run(world, STEPS_POOL, "studio:research", {"input": {"topic": "AI"}, "previous": None})
    assert task.result is not None
    assert (task.result["key_points"], "set SEARCH" in task.result["note"]) == ([], True)


@pytest.mark.parametrize(
    ("pool", "type", "payload"),
    [
        (STEPS_POOL, "studio:research", {"topic": "AI", "sources": ["news"]}),
        (STEPS_POOL, "studio:research", {"topic": ""}),
        (STEPS_POOL, "studio:qa", {"title": "x"}),
        (STEPS_POOL, "studio:format", {"input": None, "previous": None}),
        (MODELS_POOL, "studio:creative", {"style": "casual"}),
        (MODELS_POOL, "studio:creative", {"topic": "AI"}),
        (MODELS_POOL, "studio:images", {"prompt": "x"}),
    ],
)
def test_what_cannot_be_done_fails_for_good_with_the_reason(world: World, pool: str, type: str, payload: Any) -> None:
    task = run(world, pool, type, payload)
    assert task.status is Status.FAILED
    assert (task.error or {})["code"] == "rejected"


def test_a_model_that_is_busy_puts_the_task_off(fake_models: Models) -> None:
    fake_models.openai.mode = "rate limited"
    task = run(fake_models.world, MODELS_POOL, "studio:creative", {"topic": "AI"})
    assert task.status is not Status.COMPLETED and not task.is_terminal


def test_every_step_of_the_studio_has_its_performer() -> None:
    steps = {(step.pool, step.type) for workflow in WORKFLOWS for step in workflow.steps}
    known = {(pool, name) for pool, name in steps if find_performer(pool, name) is not None}
    assert {name for _, name in steps - known} <= {"studio:publish"}
    assert performers.Research.name == "studio:research"
