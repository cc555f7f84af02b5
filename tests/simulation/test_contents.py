"""Contents under faults: many authors and editors at once, lost answers, throttled calls and dying functions.

Whatever happens, an approved content is published once and never lost, and a slug belongs to one content.
"""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.domain.contents.content import Content, Post, Status
from chalicelib.engine.contents import contents, publication
from chalicelib.engine.documents import background_jobs
from chalicelib.errors import YardmasterError
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.contents import contents as storage
from tests.engine.contents.helpers import DRAFT, require_consistent, stored_contents
from tests.simulation.faults import Faults, Killed
from tests.support import aws
from tests.support.extras import require_extra
from tests.support.world import ORG, World, new_world

require_extra("studio")

SEEDS = range(3)
OPERATIONS = 40
TITLES = ("One", "Two", "One 2")


class Editors:
    """Authors and editors, and what was promised to them."""

    def __init__(self, world: World, random: Random) -> None:
        self.world, self.random = world, random
        self.approved: set[str] = set()
        self.posts: dict[str, tuple[str | None, int | None]] = {}
        """Content id -> slug and number of its post, from the first time that it was seen."""

    def act(self) -> None:
        """One operation, which may fail or die anywhere."""
        operations = (self._create, self._create, self._approve, self._approve, self._reject, self._edit, self._delete)
        operation = self.random.choice((*operations, self._publish, self._work, self._work))
        with suppress(YardmasterError, Killed):
            operation()
        self.look()

    def look(self) -> None:
        """Note new posts; a post that was seen before is still the same."""
        with aws.without_interference():
            for content in stored_contents():
                if content.is_published:
                    post = content.slug, content.post_number
                    assert self.posts.setdefault(content.id, post) == post, "published twice"

    def _choose_content(self) -> str:
        with aws.without_interference():
            return self.random.choice([content.id for content in stored_contents()] or ["none"])

    def _create(self) -> None:
        title, number = self.random.choice(TITLES), self.random.randrange(12)
        contents.create(ORG, DRAFT._replace(title=title), content_id=f"content {number}", by="ann")

    def _approve(self) -> None:
        self.approved.add(contents.approve(ORG, self._choose_content(), "bob").content.id)

    def _reject(self) -> None:
        contents.reject(ORG, self._choose_content(), "bob")

    def _edit(self) -> None:
        tag = self.random.choice(("AI", "Tech", "New"))
        contents.update(ORG, self._choose_content(), {"tags": (tag,), "title": self.random.choice(TITLES)})

    def _delete(self) -> None:
        content_id = self._choose_content()
        # Whether the deletion took effect may stay unknown: nothing is promised of this content any more.
        self.approved.discard(content_id)
        self.posts.pop(content_id, None)
        if self.random.random() < 0.3:
            contents.delete(ORG, content_id)

    def _publish(self) -> None:
        publication.publish(ORG, self._choose_content())

    def _work(self) -> None:
        self.world.relay("documents")
        self.world.handle("wakeups")


def simulate(seed: int) -> None:
    """Operations under faults, then three quiet sweeps. Raises AssertionError when a promise is broken."""
    with new_world(seed) as world:
        editors = Editors(world, Random(seed))
        with aws.interfering(Faults(editors.random, fail=0.04, unknown=0.04, repeat=0.04, kill=0.04)):
            for _ in range(OPERATIONS):
                editors.act()
                world.clock.advance(1)
        world.settle()
        for _ in range(3):
            world.advance(61)
        editors.look()
        left = {content.id: content for content in stored_contents()}
        assert [one.id for one in left.values() if one.status is Status.APPROVED] == [], "approved and not published"
        lost = editors.approved - {one.id for one in left.values() if one.is_published}
        assert not lost, f"approved and lost: {lost}"
        assert editors.posts, "nothing was published at all"
        require_consistent()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_approved_content_is_published_once_under_a_slug_of_its_own(seed: int) -> None:
    simulate(seed)


create_job_write, publish_writes = background_jobs.create_write, storage.publish_writes


def _other_job(org: str, _kind: str, subject: str) -> Write:
    """A job of another kind in the place of the one that publishes."""
    return create_job_write(org, "conversation", subject, pool="none")


def _without_claim(old: Content, post: Post) -> list[Write]:
    """The writes, of which the one that stores the post replaces another content's."""
    content, claim, *others = publish_writes(old, post)
    holds = claim.arguments["ConditionExpression"]
    claim.arguments["ConditionExpression"] = f"{holds} OR (NOT {holds})"
    return [content, claim, *others]


BUGS: dict[str, Callable[[], Any]] = {
    "no job publishes": lambda: patch.object(background_jobs, "create_write", _other_job),
    "no slug is claimed": lambda: patch.object(storage, "publish_writes", _without_claim),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_found(bug: str) -> None:
    with BUGS[bug](), pytest.raises(AssertionError):
        for seed in SEEDS:
            simulate(seed)
