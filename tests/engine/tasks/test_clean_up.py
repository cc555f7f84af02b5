from chalicelib.domain.tasks.task import Status
from chalicelib.engine.tasks import by_owner, clean_up, lifecycle
from tests.support import aws
from tests.support.world import ORG, POOL, World


def fail(world: World) -> str:
    return by_owner.fail(ORG, world.submit().id, POOL, "ann", "no ink", retry=False).id


def test_a_task_that_was_replayed_after_it_was_listed_stays(world: World) -> None:
    listed = [world.task(fail(world)) for _ in range(3)]
    lifecycle.replay(ORG, listed[1].id)
    assert clean_up._delete(listed) == 2
    assert [(task.id, task.status) for task in world.tasks()] == [(listed[1].id, Status.PENDING)]


def test_a_task_that_ended_after_the_instant_stays_although_it_began_before(world: World) -> None:
    early = world.submit()
    fail(world)
    world.clock.advance(60)
    between = world.clock.now()
    world.clock.advance(60)
    by_owner.fail(ORG, early.id, POOL, "ann", "late", retry=False)
    assert clean_up.delete_ended_before(ORG, POOL, between) == 1
    assert [task.id for task in world.tasks()] == [early.id]


def test_a_hundred_tasks_are_deleted_by_one_call(world: World) -> None:
    listed = [world.task(fail(world)) for _ in range(100)]
    with aws.counting() as calls:
        assert clean_up._delete(listed) == 100
    assert calls.total() == 1
