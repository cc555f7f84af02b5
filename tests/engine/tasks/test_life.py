"""A task's life through the whole engine."""

from chalicelib.domain.tasks.task import Status
from tests.support.world import World, answer


def test_a_task_is_submitted_leased_delivered_and_completed_synchronously(world: World) -> None:
    server = world.register(reply=answer(200, {"text": "hello"}))
    task = world.submit(payload={"a": 1})
    world.settle()
    done = world.task(task.id)
    assert done.status is Status.COMPLETED
    assert done.result == {"text": "hello"}
    assert done.worker_id == server.id
    assert world.worker(server.id).leases == {}
