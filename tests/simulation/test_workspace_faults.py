"""Random work in a workspace while calls fail, take effect and report a failure, are applied twice, or kill the
function. What was accepted stays, and what was refused either took effect as a whole or not at all."""

from collections.abc import Callable
from random import Random

import pytest

from chalicelib.engine import ttl_cache
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.workspaces import commits, files, repack, snapshots, workspaces
from chalicelib.errors import Conflict, NotFound, Unavailable
from chalicelib.providers.git.objects import Person
from tests.simulation.faults import Faults, Killed
from tests.simulation.workspace_stories import workspaces_are_whole
from tests.support import aws
from tests.support.world import ORG, new_world

SEEDS, OPERATIONS = 12, 120
DEV = Person("dev", "dev@example.com")
PATHS = ("a", "b", "dir/c", "dir/d", "dir", "e/f/g")
Contents = set[bytes | None]


class Actor:
    """Works at random, and knows for each path the contents that it may have; None is no file."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.possible: dict[str, Contents] = {path: {None} for path in PATHS}
        self.done = 0

    def act(self) -> None:
        work: Callable[[], None] = self._random.choice(
            [self.write, self.write, self.write, self.delete, self.read, self.commit, self.commit, self.join]
        )
        try:
            work()
            self.done += 1
        except (Unavailable, Killed, Conflict, NotFound):
            return

    def write(self) -> None:
        path = self._random.choice(PATHS)
        content = self._random.randbytes(self._random.choice((5, 50, 9_000)))
        self.possible[path].add(content)
        try:
            files.write_file(ORG, path, content)
        except Conflict:
            self.possible[path].discard(content)
            raise
        self.possible[path] = {content}

    def delete(self) -> None:
        path = self._random.choice(PATHS)
        self.possible[path].add(None)
        files.delete_file(ORG, path)
        self.possible[path] = {None}

    def read(self) -> None:
        path = self._random.choice(PATHS)
        self.learn(path)

    def learn(self, path: str) -> None:
        """Read a file; what is read is what the path has from now on."""
        try:
            content: bytes | None = files.read_file(ORG, path).content
        except (NotFound, Conflict):
            content = None
        assert content in self.possible[path], f"{path} has a content that was never written, or lost one"
        self.possible[path] = {content}

    def commit(self) -> None:
        commits.commit(ORG, f"{self._random.random()}", DEV)

    def join(self) -> None:
        job = Job(ORG, "repack", workspaces.current(ORG).id)
        repack.run_step(job)
        repack.run_cleanup(job)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_lost_or_torn(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repack, "ENOUGH_PACKS", 3)
    monkeypatch.setattr(repack, "MIN_AGE_MS", 0)
    random = Random(seed)
    with new_world(seed) as world:
        actor = Actor(random)
        world.clock.step(1_000_000_000)  # whatever is stored is old enough for a cleanup
        with aws.interfering(Faults(random, fail=0.03, unknown=0.03, repeat=0.03, kill=0.03)):
            for _ in range(OPERATIONS):
                actor.act()
                if random.random() < 0.2:
                    ttl_cache.clear_all()
        ttl_cache.clear_all()
        for path in PATHS:
            actor.learn(path)
        workspaces_are_whole(world)
        expected = {path: content for path, [content] in actor.possible.items() if content is not None}
        if commits.status(ORG).modified or commits.status(ORG).untracked:
            commits.commit(ORG, "last", DEV)
        repack.run_step(Job(ORG, "repack", workspaces.current(ORG).id))
        repack.run_cleanup(Job(ORG, "repack", workspaces.current(ORG).id))
        ttl_cache.clear_all()
        found = snapshots.read(workspaces.current(ORG)).files()
        assert {path: files.read_file(ORG, path).content for path in found} == expected
        workspaces_are_whole(world)
        assert actor.done > OPERATIONS // 3
