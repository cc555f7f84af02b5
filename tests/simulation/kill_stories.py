"""Stories for tests of deaths: workers on sockets, watchers, owners who assign, and the world's own performers.

Each prepares a deployment and answers with the act during which the process is to die.
"""

from collections.abc import Callable

from chalicelib.domain.tasks.task import ConcurrencyLimit, Holder, Status, Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.live import task_feed
from chalicelib.engine.tasks import assignment, lifecycle, submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.workers import completion_reports, registration, registry, websocket_workers
from chalicelib.engine.workers.registration import Registration
from chalicelib.engine.workers.registry import Rotation, WorkerChange
from chalicelib.storage.connections.connections import Connection
from tests.simulation import performer
from tests.support.world import ORG, POOL, WATCH, World, answer

Act = Callable[[], object]


def _link(connection_id: str) -> Connection:
    return Connection(connection_id, ORG, "test.worker", POOL, "w1")


def _socket(world: World) -> Worker:
    said = Registration(POOL, "worker", "w1", max_concurrent=2, id="w1", socket=True)
    return registration.register(ORG, said)


def _connected(world: World) -> None:
    _socket(world)
    world.sockets.connect("c1")
    websocket_workers.connect(_link("c1"))
    world.settle()


def _given(world: World) -> Task:
    """A task that a connected worker is busy with."""
    _connected(world)
    task = world.submit()
    world.settle()
    assert world.task(task.id).status is Status.RUNNING
    return world.task(task.id)


def _leased(world: World) -> None:
    """A task that is about to be sent to a connected worker."""
    _connected(world)
    world.submit()
    world.relay("tasks")
    world.handle("dispatch")
    world.relay("tasks")


def _connect(world: World) -> Act:
    _socket(world)
    world.submit()
    world.settle()
    world.sockets.connect("c1")
    return lambda: websocket_workers.connect(_link("c1"))


def _take_over(world: World) -> Act:
    _given(world)
    world.sockets.drop("c1")
    world.sockets.connect("c2")
    return lambda: websocket_workers.connect(_link("c2"))


def _disconnect(world: World) -> Act:
    _given(world)
    world.sockets.drop("c1")
    return lambda: websocket_workers.disconnect(_link("c1"))


def _hand_over(world: World) -> Act:
    _leased(world)
    return lambda: world.handle("deliver")


def _hand_over_to_nobody(world: World) -> Act:
    _leased(world)
    world.sockets.drop("c1")
    return lambda: world.handle("deliver")


def _greet(world: World) -> Act:
    """Back under a new connection, to be told of the task that it holds and of another that is cancelled."""
    task = _given(world)
    world.submit()
    world.settle()
    websocket_workers.disconnect(_link("c1"))
    lifecycle.cancel(ORG, task.id)
    world.settle()
    world.sockets.connect("c2")
    websocket_workers.connect(_link("c2"))
    world.relay("workers")
    return lambda: world.handle("deliver")


def _watch(world: World) -> Act:
    world.submit()
    world.sockets.connect("v1")
    return lambda: task_feed.watch(Connection("v1", ORG, WATCH), 0)


def _watched(world: World, connection_id: str) -> None:
    world.sockets.connect(connection_id)
    task_feed.watch(Connection(connection_id, ORG, WATCH), 0)


def _tell(world: World) -> Act:
    for name in ("v1", "v2"):
        _watched(world, name)
    world.settle()
    world.submit()
    world.relay("tasks")
    return lambda: world.handle("live")


def _catch_up(world: World) -> Act:
    _watched(world, "v1")
    world.settle()
    world.submit()
    world.settle()
    _watched(world, "v2")
    return lambda: world.handle("live")


def _leave(world: World) -> Act:
    _watched(world, "v1")
    world.settle()
    world.sockets.drop("v1")
    return lambda: task_feed.leave(Connection("v1", ORG, WATCH))


def _perform(world: World) -> Act:
    for ends in ("well", "badly"):
        asked = Submission(performer.POOL, "toy", 5, payload={"ends": ends}, capabilities=("toy",))
        submission.submit(ORG, "dev", asked)
    world.relay("tasks")
    world.handle("dispatch")
    world.relay("tasks")
    return lambda: world.handle("perform")


def _puller(world: World) -> Worker:
    return world.register("puller", endpoints={}, api_key=None)


def _assign(world: World) -> Act:
    """Of a task that nobody could take by itself, so that the spare server need not."""
    worker, task = _puller(world), world.submit(manual=True)
    world.settle()
    return lambda: assignment.assign(ORG, POOL, task.id, worker.id)


def _start(world: World) -> Act:
    _puller(world)
    task = world.submit()
    world.settle()
    return lambda: assignment.start(ORG, POOL, task.id)


def _claim(world: World) -> Act:
    worker = _puller(world)
    return lambda: completion_reports.report_outcome(ORG, POOL, worker.id, "completed")


def _report(world: World) -> Act:
    worker = _puller(world)
    world.submit()
    world.settle()
    return lambda: completion_reports.report_outcome(ORG, POOL, worker.id, "failed")


def _permitted(world: World) -> Act:
    """Two tasks in turns: the one is about to be leased, the other has to wait for it."""
    world.register(reply=answer(200, {"ok": True}), max_concurrent=3)
    world.settle()
    for _ in range(2):
        world.submit(concurrency_limit=ONE)
    world.relay("tasks")
    return lambda: world.handle("dispatch")


def _pass_on(world: World) -> Act:
    """The holder of a permit is done, for which another task waits."""
    worker = _puller(world)
    task, _ = [world.submit(concurrency_limit=ONE, priority=priority) for priority in (9, 1)]
    world.settle()
    return lambda: lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), {"ok": True})


def _drain(world: World) -> Act:
    _leased(world)
    registry.update(ORG, POOL, "w1", WorkerChange(rotation=Rotation.DRAINED))
    return world.sweep


def _bury(world: World) -> Act:
    """A worker that has done something; what it has done outlives it."""
    task = _given(world)
    lifecycle.complete(ORG, POOL, task.id, Holder("w1", 1), None)
    world.settle()
    registry.unregister(ORG, POOL, "w1")
    return world.sweep


ONE = ConcurrencyLimit("k", 1)


def _look(world: World) -> Act:
    """A task of which every message was lost is put under its pool's look."""
    world.submit()
    while world.relay("tasks"):
        pass
    world.queues.queues.clear()
    world.clock.advance(60)
    return world.sweep


STORIES: dict[str, Callable[[World], Act]] = {
    "socket connects": _connect,
    "socket takes over": _take_over,
    "socket disconnects": _disconnect,
    "frame to a socket": _hand_over,
    "frame to a socket that is gone": _hand_over_to_nobody,
    "greeting of a socket": _greet,
    "watch": _watch,
    "telling watchers": _tell,
    "catching up": _catch_up,
    "watcher leaves": _leave,
    "perform": _perform,
    "dispatch of permits": _permitted,
    "a permit is passed on": _pass_on,
    "assign": _assign,
    "start": _start,
    "claim": _claim,
    "report of the one task": _report,
    "drain of a socket": _drain,
    "burial with counters": _bury,
    "look at a waiting task": _look,
}
