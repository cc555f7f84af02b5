"""Every handler and use case dies before each of its calls and after the last, and the world recovers in two sweeps."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.domain.tasks.worker import Health, Heartbeat, Worker
from chalicelib.engine.statistics import rollup
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.connections import connections
from tests.simulation import kill_stories
from tests.simulation.faults import Killed, dying_anywhere
from tests.simulation.invariants import AT_REST
from tests.simulation.performer import performing
from tests.support.world import ORG, POOL, World, answer, new_world

MOST_CALLS = 40


def _waiting(world: World) -> Task:
    """A task that was submitted and relayed, and no server yet."""
    task = world.submit()
    world.settle()
    return task


def _held(world: World) -> tuple[Task, Worker]:
    """A task in the hands of a server that will report later."""
    worker = world.register(max_concurrent=2)
    task = world.submit()
    world.settle()
    assert world.task(task.id).is_held
    return task, worker


def _submit(world: World) -> Callable[[], object]:
    world.register(reply=answer(200, {"ok": True}))
    return lambda: world.submit(idempotency_key="one")


def _relay_submission(world: World) -> Callable[[], object]:
    world.register(reply=answer(200, {"ok": True}))
    world.settle()
    world.submit()
    return lambda: world.relay("tasks")


def _dispatch(world: World) -> Callable[[], object]:
    world.register(reply=answer(200, {"ok": True}), max_concurrent=3)
    world.settle()
    for priority in (1, 5, 9):
        world.submit(priority=priority)
    world.relay("tasks")
    return lambda: world.handle("dispatch")


def _relay_lease(world: World) -> Callable[[], object]:
    _dispatch(world)()
    return lambda: world.relay("tasks")


def _deliver(reply: object) -> Callable[[World], Callable[[], object]]:
    def prepare(world: World) -> Callable[[], object]:
        replies = iter([reply])
        world.register(reply=lambda *_: next(replies, answer(200, {"ok": True})))  # type: ignore[arg-type,return-value]
        world.settle()
        world.submit()
        world.relay("tasks")
        world.handle("dispatch")
        world.relay("tasks")
        return lambda: world.handle("deliver")

    return prepare


def _complete(world: World) -> Callable[[], object]:
    task, worker = _held(world)
    return lambda: lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), {"ok": True})


def _fail(world: World) -> Callable[[], object]:
    task, worker = _held(world)
    world.servers["one.example"] = lambda *_: answer(200, {"ok": True})
    return lambda: lifecycle.fail(ORG, task.id, Holder(worker.id, 1), reported_failure("no"))


def _cancel(world: World) -> Callable[[], object]:
    task, _ = _held(world)
    return lambda: lifecycle.cancel(ORG, task.id)


def _heartbeat(world: World) -> Callable[[], object]:
    worker = world.register()
    return lambda: registry.record_heartbeat(ORG, POOL, worker.id, Heartbeat(Health.HEALTHY))


def _register(world: World) -> Callable[[], object]:
    _waiting(world)
    return lambda: world.register(reply=answer(200, {"ok": True}))


def _unregister(world: World) -> Callable[[], object]:
    _, worker = _held(world)
    return lambda: registry.unregister(ORG, POOL, worker.id)


def _sweep_dead_server(world: World) -> Callable[[], object]:
    _held(world)
    world.servers.clear()
    world.clock.advance(91)
    return world.sweep


def _sweep_removed_server(world: World) -> Callable[[], object]:
    _, worker = _held(world)
    registry.unregister(ORG, POOL, worker.id)
    return world.sweep


def _sweep_timeout(world: World) -> Callable[[], object]:
    worker = world.register(max_concurrent=2)
    world.submit(timeout_seconds=10)
    world.settle()
    world.clock.advance(11)
    assert world.worker(worker.id).leases
    return world.sweep


def _rollup(world: World) -> Callable[[], object]:
    world.register(reply=answer(200, {"ok": True}))
    world.submit()
    world.settle()
    world.clock.advance(3_600)
    return rollup.roll_up_hour


STORIES: dict[str, Callable[[World], Callable[[], object]]] = {
    "submit": _submit,
    "relay of a submission": _relay_submission,
    "dispatch": _dispatch,
    "relay of a lease": _relay_lease,
    "delivery, accepted": _deliver(answer(202)),
    "delivery, done": _deliver(answer(200, {"ok": True})),
    "delivery, busy": _deliver(answer(429, retry_after="3")),
    "delivery, failed": _deliver(answer(500)),
    "complete": _complete,
    "fail": _fail,
    "cancel": _cancel,
    "heartbeat": _heartbeat,
    "register": _register,
    "unregister": _unregister,
    "sweep of a dead server": _sweep_dead_server,
    "sweep of a removed server": _sweep_removed_server,
    "sweep of a timeout": _sweep_timeout,
    "rollup": _rollup,
} | kill_stories.STORIES


def test_the_page_says_how_many_stories_there_are() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-it-works" / "reliability.md"
    assert f": {len(STORIES)} handlers and use cases" in page.read_text()


@pytest.mark.parametrize("story", STORIES)
def test_a_death_at_any_call_is_recovered_from(story: str) -> None:
    for number in range(MOST_CALLS):
        with new_world(number) as world, performing():
            act = STORIES[story](world)
            died = _dies(world, act, number)
            _comes_back(world, act)
        if not died:
            assert number > 0, "the story made no call at all"
            return
    raise AssertionError("the story makes more calls than were tried")


def _dies(world: World, act: Callable[[], object], number: int) -> bool:
    with dying_anywhere(world, number):
        try:
            act()
        except Killed:
            return True
    return False


def _comes_back(world: World, act: Callable[[], object]) -> None:
    """The caller tries again, or the platform does; two sweeps later everything stands as promised."""
    with suppress(Conflict, NotFound):  # it had taken effect: the caller is told so
        act()
    world.register("spare", reply=answer(200, {"ok": True}), max_concurrent=9)
    world.settle()
    world.advance(61)
    world.advance(61)
    for invariant in AT_REST:
        invariant(world)
    _watchers_know_all(world)
    ready = [task for task in world.tasks() if task.is_queued]
    assert not ready, f"still waiting although there is room: {ready}"


def _watchers_know_all(world: World) -> None:
    """Those that are still connected were told every change; all of them began at the first."""
    for name in world.sockets.open & {"v1", "v2"}:
        head = connections.find_head(ORG)
        told = {frame["sequence"] for frame in world.sockets.sent[name] if "sequence" in frame}
        assert head is not None and told == set(range(1, head.sequence + 1))
