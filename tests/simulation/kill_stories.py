"""Stories for tests of deaths: workers on sockets, watchers, owners who assign, and the house's own performers.

Each prepares a deployment and answers with the act during which the process is to die.
"""

from collections.abc import Callable

from chalicelib.domain.tasks.task import Holder, Permit, Status, Task, Worker
from chalicelib.engine.live import task_feed
from chalicelib.engine.tasks import assignment, lifecycle, submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.workers import completion_reports, registry, websocket_workers
from chalicelib.engine.workers.registry import Change, Registration, Rotation
from chalicelib.storage.connections.connections import Connection
from tests.simulation import performer
from tests.support.world import ORG, POOL, WATCH, World, answer

Act = Callable[[], object]


def _link(connection_id: str) -> Connection:
    return Connection(connection_id, ORG, "test.worker", POOL, "w1")


def _socket(house: World) -> Worker:
    said = Registration(POOL, "worker", "w1", max_concurrent=2, id="w1", socket=True)
    return registry.register(ORG, said)


def _connected(house: World) -> None:
    _socket(house)
    house.sockets.connect("c1")
    websocket_workers.connect(_link("c1"))
    house.settle()


def _given(house: World) -> Task:
    """A task that a connected worker is busy with."""
    _connected(house)
    task = house.submit()
    house.settle()
    assert house.task(task.id).status is Status.RUNNING
    return house.task(task.id)


def _leased(house: World) -> None:
    """A task that is about to be sent to a connected worker."""
    _connected(house)
    house.submit()
    house.relay("tasks")
    house.handle("dispatch")
    house.relay("tasks")


def _connect(house: World) -> Act:
    _socket(house)
    house.submit()
    house.settle()
    house.sockets.connect("c1")
    return lambda: websocket_workers.connect(_link("c1"))


def _take_over(house: World) -> Act:
    _given(house)
    house.sockets.drop("c1")
    house.sockets.connect("c2")
    return lambda: websocket_workers.connect(_link("c2"))


def _disconnect(house: World) -> Act:
    _given(house)
    house.sockets.drop("c1")
    return lambda: websocket_workers.disconnected(_link("c1"))


def _hand_over(house: World) -> Act:
    _leased(house)
    return lambda: house.handle("deliver")


def _hand_over_to_nobody(house: World) -> Act:
    _leased(house)
    house.sockets.drop("c1")
    return lambda: house.handle("deliver")


def _greet(house: World) -> Act:
    """Back under a new connection, to be told of the task that it holds and of another that is cancelled."""
    task = _given(house)
    house.submit()
    house.settle()
    websocket_workers.disconnected(_link("c1"))
    lifecycle.cancel(ORG, task.id)
    house.settle()
    house.sockets.connect("c2")
    websocket_workers.connect(_link("c2"))
    house.relay("workers")
    return lambda: house.handle("deliver")


def _watch(house: World) -> Act:
    house.submit()
    house.sockets.connect("v1")
    return lambda: task_feed.watch(Connection("v1", ORG, WATCH), 0)


def _watched(house: World, connection_id: str) -> None:
    house.sockets.connect(connection_id)
    task_feed.watch(Connection(connection_id, ORG, WATCH), 0)


def _tell(house: World) -> Act:
    for name in ("v1", "v2"):
        _watched(house, name)
    house.settle()
    house.submit()
    house.relay("tasks")
    return lambda: house.handle("live")


def _catch_up(house: World) -> Act:
    _watched(house, "v1")
    house.settle()
    house.submit()
    house.settle()
    _watched(house, "v2")
    return lambda: house.handle("live")


def _leave(house: World) -> Act:
    _watched(house, "v1")
    house.settle()
    house.sockets.drop("v1")
    return lambda: task_feed.leave(Connection("v1", ORG, WATCH))


def _perform(house: World) -> Act:
    for ends in ("well", "badly"):
        asked = Submission(performer.POOL, "toy", 5, payload={"ends": ends}, capabilities=("toy",))
        submission.submit(ORG, "dev", asked)
    house.relay("tasks")
    house.handle("dispatch")
    house.relay("tasks")
    return lambda: house.handle("perform")


def _puller(house: World) -> Worker:
    return house.register("puller", endpoints={}, api_key=None)


def _assign(house: World) -> Act:
    """Of a task that nobody could take by itself, so that the spare server need not."""
    worker, task = _puller(house), house.submit(manual=True)
    house.settle()
    return lambda: assignment.assign(ORG, POOL, task.id, worker.id)


def _start(house: World) -> Act:
    _puller(house)
    task = house.submit()
    house.settle()
    return lambda: assignment.start(ORG, POOL, task.id)


def _claim(house: World) -> Act:
    worker = _puller(house)
    return lambda: completion_reports.report(ORG, POOL, worker.id, "completed")


def _report(house: World) -> Act:
    worker = _puller(house)
    house.submit()
    house.settle()
    return lambda: completion_reports.report(ORG, POOL, worker.id, "failed")


def _permitted(house: World) -> Act:
    """Two tasks in turns: the one is about to be leased, the other has to wait for it."""
    house.register(reply=answer(200, {"ok": True}), max_concurrent=3)
    house.settle()
    for _ in range(2):
        house.submit(permit=ONE)
    house.relay("tasks")
    return lambda: house.handle("dispatch")


def _pass_on(house: World) -> Act:
    """The holder of a permit is done, for which another task waits."""
    worker = _puller(house)
    task, _ = [house.submit(permit=ONE, priority=priority) for priority in (9, 1)]
    house.settle()
    return lambda: lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), {"ok": True})


def _drain(house: World) -> Act:
    _leased(house)
    registry.update(ORG, POOL, "w1", Change(rotation=Rotation.DRAINED))
    return house.sweep


def _bury(house: World) -> Act:
    """A worker that has done something; what it has done outlives it."""
    task = _given(house)
    lifecycle.complete(ORG, POOL, task.id, Holder("w1", 1), None)
    house.settle()
    registry.unregister(ORG, POOL, "w1")
    return house.sweep


ONE = Permit("k", 1)


def _look(house: World) -> Act:
    """A task of which every message was lost is put under its pool's look."""
    house.submit()
    while house.relay("tasks"):
        pass
    house.queues.queues.clear()
    house.clock.advance(60)
    return house.sweep


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
