"""The invariant of posts fails when a bug is put into the code (docs/how-it-works/reliability.md)."""

from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.domain.social import publishing as rules
from chalicelib.engine.social import posts
from chalicelib.engine.social.posts import NewPost
from tests.simulation.faults import Killed, dying_before
from tests.simulation.social_stories import posts_are_published_once
from tests.support.social import platforms
from tests.support.world import ORG, World, new_world

BUGS: dict[str, Any] = {
    "a lost answer counts as a refusal for now": patch.object(rules, "is_unknown", lambda *_, **__: False),
    "the doubt is not written before the request": patch.object(rules, "begun", rules.claimed),
    "an attempt with an unknown outcome is made again": patch.object(rules, "is_repeatable", lambda *_: True),
}


def _publish(world: World, number: int) -> None:
    """Publish a post whose answer is lost; the process dies at its call of this number, and what is due is done."""
    fakes = platforms(world)
    fakes.connect("linkedin")
    fakes.linkedin.lost = 1
    posts.create(ORG, NewPost(("linkedin",), "Hello!"), "ada")
    try:
        with dying_before(world, number):
            world.handle("notifications")
    except Killed:
        world.return_messages("notifications")
    for _ in range(2):
        world.clock.advance(400)
        world.settle()
        world.sweep()
        world.settle()
    posts_are_published_once(world)


def _find_failure() -> int | None:
    """The first call at which a death breaks the invariant."""
    for number in range(4, 9):
        with new_world(number) as world:
            try:
                _publish(world, number)
            except AssertionError:
                return number
    return None


def test_without_a_bug_the_invariant_holds() -> None:
    assert _find_failure() is None


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_found(bug: str) -> None:
    with BUGS[bug]:
        assert _find_failure() is not None
