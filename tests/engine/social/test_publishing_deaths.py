"""The process dies before each of its calls and after the last: every post is published at most once, and each ends as
published, or as failed with an outcome that is said to be unknown."""

from collections.abc import Callable

import pytest

from chalicelib.domain.deliveries.receivers import PLATFORMS, Platform
from chalicelib.domain.social import publishing as rules
from chalicelib.domain.social.post import Image
from chalicelib.engine.social import posts
from chalicelib.engine.social.posts import NewPost
from tests.simulation.faults import dies_before
from tests.support.social import IMAGE_URL, Platforms, platforms
from tests.support.world import ORG, new_world

MOST_CALLS = 24
RECOGNISES = ("mastodon", "bluesky")
Act = Callable[[], object]


def _create(name: Platform) -> Act:
    draft = NewPost((name,), "Hello!", images=(Image(IMAGE_URL),))
    return lambda: posts.create(ORG, draft, "ada", "once")


def _recover(fakes: Platforms) -> None:
    """The queue gives its messages once more, and time passes."""
    fakes.world.return_messages("notifications")
    fakes.world.settle()
    for _ in range(2):
        fakes.world.clock.advance(301)
        fakes.world.sweep()
        fakes.world.settle()


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("act", ["create", "publish"])
def test_a_death_at_any_call_publishes_nothing_twice(name: Platform, act: str) -> None:
    unknown = 0
    for number in range(MOST_CALLS):
        with new_world(number) as world:
            fakes = platforms(world)
            fakes.connect(name)
            create = _create(name)
            if act == "publish":
                create()
            died = dies_before(world, create if act == "create" else lambda: world.handle("notifications"), number)
            create()
            _recover(fakes)
            [post] = posts.list_page(ORG, None, 10).posts
            assert len(fakes.fake(name).published) <= 1, "nothing is published twice"
            assert post.status == "published" or post.delivery.reason == rules.UNKNOWN
            assert post.status == "failed" or fakes.fake(name).published
            unknown += post.status == "failed"
        if not died:
            assert number > 1, "the story made hardly a call"
            break
    assert not died, "the story makes more calls than were tried"
    assert unknown == 0 if act == "create" or name in RECOGNISES else 0 < unknown <= 3
