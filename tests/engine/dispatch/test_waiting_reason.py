"""The reason why a task waits, read from the same data as dispatch."""

from chalicelib.domain.tasks.task import ConcurrencyLimit
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.workers import pools, registry
from tests.engine.helpers import complete, hand_over_task, pull
from tests.support import aws
from tests.support.world import ORG, POOL, World


def test_only_a_task_that_waits_for_a_worker_costs_a_call(world: World) -> None:
    pull(world)
    running, waiting = hand_over_task(world), world.submit()
    sleeping = world.submit(run_at=world.clock.now() + 60_000)
    for task, words, calls in (
        (running, None, 0),
        (sleeping, "its time: not before", 0),
        (waiting, "room on a worker: ", 1),
    ):
        with aws.counting() as counted:
            reason = waiting_for(world.task(task.id))
        with aws.counting() as read:
            world.task(task.id)
        assert (reason or "").startswith(words or ""), reason
        assert (reason is None, counted.total() - read.total()) == (words is None, calls)


def test_it_is_as_of_now_and_of_its_own_tenant(world: World) -> None:
    task = world.submit(capabilities=("gpu",))
    other = pull(world, org="other", capabilities=("gpu",))
    assert waiting_for(task) == "a live worker that offers gpu: none is registered"
    mine = pull(world, "mine", capabilities=("gpu",))
    assert waiting_for(task, "server") == f"its turn: {mine.id} has room"
    registry.set_maintenance(ORG, POOL, mine.id, True, "a secret reason")
    assert waiting_for(task, "server") == f"a server in rotation that offers gpu: {mine.id} is in maintenance"
    assert other.id not in str(waiting_for(task))


def test_who_holds_its_permit_is_named_until_it_is_given_back(world: World) -> None:
    pull(world, max_concurrent=2)
    first, second = (
        hand_over_task(world, concurrency_limit=ConcurrencyLimit("k", 1)),
        world.submit(concurrency_limit=ConcurrencyLimit("k", 1)),
    )
    assert waiting_for(second) == f"its turn on k: 1 of 1 in use by {first.id}"
    complete(first)
    assert "has room" in str(waiting_for(second))


def test_asking_changes_nothing(world: World) -> None:
    task = world.submit(capabilities=("gpu",))
    world.settle()
    before = pools.find_with_workers(ORG, POOL), world.task(task.id)
    waiting_for(task)
    assert (pools.find_with_workers(ORG, POOL), world.task(task.id)) == before
