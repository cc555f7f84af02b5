"""Beside one good server with free slots, no task fails because of a bad one, with the default of three attempts."""

from random import Random

import pytest

from chalicelib.domain.tasks.balancing import Algorithm
from chalicelib.engine.workers import pools
from tests.simulation.bad_servers import BAD_SERVERS, TAKE_NOTHING, Fleet
from tests.simulation.invariants import ALWAYS
from tests.support.world import ORG, POOL, World

pytestmark = pytest.mark.long

LONG = 3 * 3_600


def require_all_completed(world: World) -> None:
    tasks = world.tasks()
    assert {str(task.status) for task in tasks} == {"completed"}, [(t.status, t.attempts, t.error) for t in tasks]
    for invariant in ALWAYS:
        invariant(world)


@pytest.mark.parametrize("kind", BAD_SERVERS)
def test_one_bad_server_beside_a_good_one(world: World, kind: str) -> None:
    fleet = Fleet(world, Random(kind), [kind])
    for _ in range(12):
        world.submit()
    fleet.run(LONG)
    require_all_completed(world)


@pytest.mark.parametrize("seed", range(6))
def test_many_bad_servers_beside_a_good_one(world: World, seed: int) -> None:
    random = Random(seed)
    fleet = Fleet(world, random, random.choices(sorted(BAD_SERVERS), k=12))
    pools.set_algorithm(ORG, POOL, random.choice(list(Algorithm)))
    for _ in range(20):
        world.submit(priority=random.randrange(10))
    fleet.run(LONG)
    require_all_completed(world)


@pytest.mark.parametrize("seed", range(3))
def test_single_tasks_after_the_good_server_has_completed_one(world: World, seed: int) -> None:
    random = Random(seed)
    fleet = Fleet(world, random, [])
    world.submit()
    fleet.run(LONG)
    fleet.register(random.choices(sorted(BAD_SERVERS), k=5))
    for _ in range(10):
        world.submit()
        fleet.run(LONG)
    require_all_completed(world)


@pytest.mark.parametrize("kind", TAKE_NOTHING)
@pytest.mark.parametrize("stumbles", [1, 2])
def test_a_task_that_failed_on_the_good_server_does_not_wait_for_one_that_takes_nothing(
    world: World, kind: str, stumbles: int
) -> None:
    fleet = Fleet(world, Random(kind), [kind])
    fleet.failures_left = stumbles
    world.submit()
    fleet.run(LONG)
    require_all_completed(world)
