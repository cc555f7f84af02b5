"""Publishing: what was approved becomes one post under a slug of its own, whoever dies and whoever else publishes."""

from collections.abc import Callable
from functools import partial

import pytest

from chalicelib.config import settings
from chalicelib.domain.contents.content import Content, Status
from chalicelib.engine.contents import contents, publication
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.errors import Conflict, NotFound, Unavailable
from chalicelib.storage.contents.table import POST_RANK
from tests.engine.contents.helpers import DRAFT, create, publish, reload, require_consistent, stored_contents
from tests.engine.helpers import run_together
from tests.simulation.faults import dies_before
from tests.support import aws
from tests.support.extras import require_extra
from tests.support.world import ORG, World, new_world

require_extra("studio")


def test_an_approved_content_is_published_without_a_further_request(world: World) -> None:
    draft = create()
    contents.approve(ORG, draft.id, "bob")
    world.settle()
    content = reload(draft).content
    assert (content.status, content.slug, content.published_at) == (Status.PUBLISHED, "a-title", world.clock.now())
    require_consistent()


def test_publishing_takes_three_calls_and_again_changes_nothing(world: World) -> None:
    content = create()
    contents.approve(ORG, content.id, "bob")
    with aws.counting() as calls:
        first = publication.publish(ORG, content.id)
    assert calls.total() == 3
    with aws.counting() as calls:
        assert publication.publish(ORG, content.id) == first
    assert calls.total() == 1
    world.settle()
    assert reload(content).content == first
    assert publication.count_published(ORG, 1) == 1


def test_what_nobody_approved_is_not_published(world: World) -> None:
    draft, rejected = create(), create()
    contents.reject(ORG, rejected.id, "bob")
    for made in (draft, rejected):
        with aws.counting() as calls, pytest.raises(Conflict):
            publication.publish(ORG, made.id)
        assert calls.total() == 1, "no number is issued"
    assert stored_contents(POST_RANK) == []


def test_contents_of_one_title_have_different_slugs_also_at_once(world: World) -> None:
    all_contents = [create() for _ in range(8)]
    for one in all_contents:
        contents.approve(ORG, one.id, "bob")
    published: list[Content] = run_together([partial(publication.publish, ORG, one.id) for one in all_contents * 2])
    slugs = {content.id: content.slug for content in published}
    assert len(set(slugs.values())) == len(all_contents) and "a-title" in slugs.values()
    assert all(str(slug).startswith("a-title") for slug in slugs.values())
    require_consistent()


def test_slugs_that_look_like_numbered_ones_are_no_trouble(world: World) -> None:
    assert [publish(title).slug for title in ("A title 3", "A title", "A title")] == [
        "a-title-3",
        "a-title",
        f"a-title-3-{world.clock.now()}",
    ]
    require_consistent()


def test_another_org_can_have_the_slug_too(world: World) -> None:
    assert publish().slug == publish(org="umbra").slug
    require_consistent()


def test_a_new_title_keeps_the_slug_of_a_post(world: World) -> None:
    made = publish()
    edited = contents.update(ORG, made.id, {"title": "Something else", "category": None, "tags": ("New",)}).content
    assert (edited.slug, edited.post_number) == (made.slug, made.post_number)
    require_consistent()


def test_a_publication_that_the_database_refuses_for_now_is_tried_again(world: World) -> None:
    content = create()
    contents.approve(ORG, content.id, "bob")

    def refuse(*_: object) -> None:
        raise Unavailable("throttled")

    with pytest.raises(Unavailable), aws.interfering(refuse):
        publication.run_step(Job(ORG, contents.PUBLISH_JOB, content.id))
    assert reload(content).content.status is Status.APPROVED
    world.settle()
    assert reload(content).content.status is Status.PUBLISHED


def test_a_content_that_is_deleted_before_its_publication_is_left(world: World) -> None:
    made = create()
    contents.approve(ORG, made.id, "bob")
    contents.delete(ORG, made.id)
    world.settle()
    assert stored_contents() == stored_contents(POST_RANK) == []
    require_consistent()


Act = Callable[[], object]


def _create(world: World) -> Act:
    return lambda: contents.create(ORG, DRAFT, content_id="it", by="ann")


def _approve(world: World) -> Act:
    made = create()
    return lambda: contents.approve(ORG, made.id, "bob")


def _publish(world: World) -> Act:
    publish("A title")
    made = create()
    contents.approve(ORG, made.id, "bob")
    return lambda: publication.publish(ORG, made.id)


def _run_job(world: World) -> Act:
    _approve(world)()
    while world.relay("documents"):
        pass
    return lambda: world.handle("wakeups")


def _edit(world: World) -> Act:
    made = publish()
    return lambda: contents.update(ORG, made.id, {"text": "new", "tags": ("New",)})


def _delete(world: World) -> Act:
    content = publish()

    def delete() -> None:
        try:
            contents.delete(ORG, content.id)
        except NotFound:
            assert stored_contents() == []

    return delete


STORIES = {
    "create": (_create, [Status.DRAFT]),
    "approve": (_approve, [Status.PUBLISHED]),
    "publish": (_publish, [Status.PUBLISHED, Status.PUBLISHED]),
    "job": (_run_job, [Status.PUBLISHED]),
    "edit": (_edit, [Status.PUBLISHED]),
    "delete": (_delete, []),
}
MOST_CALLS = 15


@pytest.mark.parametrize("story", STORIES)
def test_a_death_at_any_call_is_recovered_from(story: str) -> None:
    prepare, statuses = STORIES[story]
    for number in range(MOST_CALLS):
        with new_world(number) as world:
            act = prepare(world)
            died = dies_before(world, act, number)
            act()
            world.queues.queues.pop(settings().wakeups_queue, None)  # the sweep makes up for every message
            world.settle()
            for _ in range(3):
                world.advance(61)
            assert [one.status for one in stored_contents()] == statuses, f"after a death before call {number}"
            require_consistent()
            if story != "delete":
                assert publication.count_published(ORG, 1) == statuses.count(Status.PUBLISHED)
        if not died:
            assert number > 1, "the story makes hardly a call"
            return
    raise AssertionError("the story makes more calls than were tried")
