"""With one good server that has room in time, no task fails because of another one, at the default three attempts."""

from random import Random

import pytest

from chalicelib.domain.tasks.balancing import Algorithm
from chalicelib.engine.workers import pools
from tests.simulation.bad_servers import BAD, TAKE_NOTHING, Fleet
from tests.simulation.invariants import ALWAYS
from tests.support.world import ORG, POOL, World

LONG = 3 * 3_600


def all_is_done(world: World) -> None:
    found = world.tasks()
    assert {str(task.status) for task in found} == {"completed"}, [(t.status, t.attempts, t.error) for t in found]
    for invariant in ALWAYS:
        invariant(world)


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_server_beside_a_good_one(world: World, kind: str) -> None:
    fleet = Fleet(world, Random(kind), [kind])
    for _ in range(12):
        world.submit()
    fleet.run(LONG)
    all_is_done(world)


@pytest.mark.parametrize("seed", range(6))
def test_many_bad_servers_beside_a_good_one(world: World, seed: int) -> None:
    random = Random(seed)
    fleet = Fleet(world, random, random.choices(sorted(BAD), k=12))
    pools.set_algorithm(ORG, POOL, random.choice(list(Algorithm)))
    for _ in range(20):
        world.submit(priority=random.randrange(10))
    fleet.run(LONG)
    all_is_done(world)


@pytest.mark.parametrize("seed", range(3))
def test_tasks_that_come_one_by_one_once_the_good_server_has_proven_itself(world: World, seed: int) -> None:
    random = Random(seed)
    fleet = Fleet(world, random, [])
    world.submit()
    fleet.run(LONG)
    fleet.join(random.choices(sorted(BAD), k=5))
    for _ in range(10):
        world.submit()
        fleet.run(LONG)
    all_is_done(world)


@pytest.mark.parametrize("kind", TAKE_NOTHING)
@pytest.mark.parametrize("stumbles", [1, 2])
def test_a_task_that_failed_on_the_good_server_does_not_wait_for_one_that_takes_nothing(
    world: World, kind: str, stumbles: int
) -> None:
    fleet = Fleet(world, Random(kind), [kind])
    fleet.stumbles = stumbles
    world.submit()
    fleet.run(LONG)
    all_is_done(world)
