"""Publishing, from an approved step to the post."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.contents.content import Status as ContentStatus
from chalicelib.domain.tasks.pools import EXECUTIONS_POOL, STEPS_POOL
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.workflows.definitions import PUBLISH
from chalicelib.domain.workflows.workflow import Step, Workflow
from chalicelib.engine.contents import contents
from chalicelib.engine.orchestration import publish_performer
from chalicelib.engine.tasks import approvals, by_owner
from chalicelib.engine.workflows import executions, registry
from tests.support.world import ORG, World

TWO = Workflow("content_creation", (Step("format", STEPS_POOL, "by hand"), PUBLISH))
WRITTEN = {"title": "Hot tea", "content": "# Tea\n\n<script>x</script>hot", "excerpt": "Of tea", "quality_score": 80}


@pytest.fixture(autouse=True)
def workflows() -> Iterator[None]:
    with registry.use(TWO):
        yield


def step(execution: Task) -> Task:
    current = executions.get(ORG, execution.id, EXECUTIONS_POOL, whole=True).steps[1]
    assert current is not None
    return current


def approve_and_perform(world: World, written: Any = WRITTEN, **wanted: Any) -> Task:
    """The step of an execution, approved and performed."""
    execution = executions.start(ORG, "dev", EXECUTIONS_POOL, TWO, {"topic": "tea", **wanted})
    world.settle()
    by_owner.complete(ORG, executions.step_id(execution, 0), STEPS_POOL, "dev", written)
    world.settle()
    assert step(execution).awaits_approval
    approvals.approve(ORG, step(execution).id, "ann", "Nice")
    world.settle()
    return step(execution)


def test_an_approved_step_publishes_what_the_step_before_returned(world: World) -> None:
    performed = approve_and_perform(world, category="Drinks", tags=["hot"])
    assert performed.status is Status.COMPLETED
    details = contents.get(ORG, performed.result["content_id"])
    content = details.content
    assert performed.result == {
        "content_id": content.id,
        "slug": "hot-tea",
        "url": "/api/posts/hot-tea",
        "title": "Hot tea",
    }
    assert (content.status, content.decided_by, content.feedback) == (ContentStatus.PUBLISHED, "ann", "Nice")
    assert (content.excerpt, details.text) == ("Of tea", WRITTEN["content"])
    assert content.category is not None and content.category.name == "Drinks"
    assert [tag.name for tag in content.tags] == ["hot"]


def test_nothing_is_published_before_a_person_approves_it(world: World) -> None:
    execution = executions.start(ORG, "dev", EXECUTIONS_POOL, TWO, {"topic": "tea"})
    world.settle()
    by_owner.complete(ORG, executions.step_id(execution, 0), STEPS_POOL, "dev", WRITTEN)
    world.settle()
    approvals.reject(ORG, step(execution).id, "ann")
    world.settle()
    assert contents.find_page(ORG, None, 10).total == 0


def test_it_publishes_once_however_often_it_is_performed(world: World) -> None:
    performed = approve_and_perform(world)
    performer, payload = publish_performer.PublishPerformer(), performed.payload
    again = performer.perform(performed, publish_performer.PublishInput.model_validate(payload))
    assert again.result == performed.result  # type: ignore[union-attr]
    assert contents.find_page(ORG, None, 10).total == 1


def test_two_posts_of_one_title_get_slugs_of_their_own(world: World) -> None:
    slugs = {approve_and_perform(world).result["slug"] for _ in range(2)}
    assert len(slugs) == 2 and "hot-tea" in slugs


def test_labels_that_a_post_cannot_have_are_cut_or_left_out(world: World) -> None:
    performed = approve_and_perform(
        world,
        WRITTEN | {"title": "x" * 300},
        category="y" * 100,
        tags=[f"t{number}" for number in range(20)],
        featured_image_url="javascript:alert(1)",
    )
    content = contents.get(ORG, performed.result["content_id"]).content
    assert content.category is not None
    assert (len(content.title), len(content.category.name), len(content.tags)) == (256, 64, 10)
    assert content.featured_image_url is None


def test_without_a_text_the_step_fails_and_says_so(world: World) -> None:
    performed = approve_and_perform(world, {"title": "Tea"})
    assert performed.status is Status.FAILED and performed.error is not None
    assert performed.error["message"] == "The data is not what studio:publish needs: previous must have content"
