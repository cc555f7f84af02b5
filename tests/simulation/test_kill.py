"""Every handler and use case is killed before each of its calls. The deployment recovers within two sweeps."""

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
from tests.simulation import kill_stories, social_stories, studio_stories, workspace_stories
from tests.simulation.faults import Killed, dying_anywhere
from tests.simulation.invariants import AT_REST
from tests.simulation.performer import performing
from tests.support.world import ORG, POOL, World, answer, new_world

pytestmark = pytest.mark.long

MOST_CALLS = 40


def _submit_without_server(world: World) -> Task:
    """A task that is submitted and relayed before any server exists."""
    task = world.submit()
    world.settle()
    return task


def _lease_task(world: World) -> tuple[Task, Worker]:
    """A task that a server has accepted and not reported yet."""
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
    task, worker = _lease_task(world)
    return lambda: lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), {"ok": True})


def _fail(world: World) -> Callable[[], object]:
    task, worker = _lease_task(world)
    world.servers["one.example"] = lambda *_: answer(200, {"ok": True})
    return lambda: lifecycle.fail(ORG, task.id, Holder(worker.id, 1), reported_failure("no"))


def _cancel(world: World) -> Callable[[], object]:
    task, _ = _lease_task(world)
    return lambda: lifecycle.cancel(ORG, task.id)


def _heartbeat(world: World) -> Callable[[], object]:
    worker = world.register()
    return lambda: registry.record_heartbeat(ORG, POOL, worker.id, Heartbeat(Health.HEALTHY))


def _register(world: World) -> Callable[[], object]:
    _submit_without_server(world)
    return lambda: world.register(reply=answer(200, {"ok": True}))


def _unregister(world: World) -> Callable[[], object]:
    _, worker = _lease_task(world)
    return lambda: registry.unregister(ORG, POOL, worker.id)


def _sweep_dead_server(world: World) -> Callable[[], object]:
    _lease_task(world)
    world.servers.clear()
    world.clock.advance(91)
    return world.sweep


def _sweep_removed_server(world: World) -> Callable[[], object]:
    _, worker = _lease_task(world)
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


STORIES: dict[str, Callable[[World], Callable[[], object]]] = (
    {
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
    }
    | kill_stories.STORIES
    | workspace_stories.STORIES
    | social_stories.STORIES
    | studio_stories.STORIES
)


def test_the_page_says_how_many_stories_there_are() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-it-works" / "reliability.md"
    assert f": {len(STORIES)} handlers and use cases" in page.read_text()


@pytest.mark.parametrize("story", STORIES)
def test_a_death_at_any_call_is_recovered_from(story: str) -> None:
    for number in range(MOST_CALLS):
        with new_world(number) as world, performing():
            act = STORIES[story](world)
            was_killed = _is_killed(world, act, number)
            _retry_and_check(world, act)
            workspace_stories.CHECKS.get(story, lambda: None)()
            studio_stories.CHECKS.get(story, lambda _: None)(world)
        if not was_killed:
            assert number > 0, "the story made no call at all"
            return
    raise AssertionError("the story makes more calls than were tried")


def _is_killed(world: World, act: Callable[[], object], number: int) -> bool:
    with dying_anywhere(world, number):
        try:
            act()
        except Killed:
            return True
    return False


def _retry_and_check(world: World, act: Callable[[], object]) -> None:
    """The caller or the platform tries again. Two sweeps later all invariants hold and no task waits."""
    with suppress(Conflict, NotFound):  # the first try took effect, so the second is refused
        act()
    world.register("spare", reply=answer(200, {"ok": True}), max_concurrent=9)
    world.settle()
    world.advance(61)
    world.advance(61)
    for invariant in AT_REST:
        invariant(world)
    _require_watchers_complete(world)
    workspace_stories.workspaces_are_whole(world)
    social_stories.posts_are_published_once(world)
    ready = [task for task in world.tasks() if task.is_queued]
    assert not ready, f"still waiting although there are free slots: {ready}"


def _require_watchers_complete(world: World) -> None:
    """Watchers that are still connected have received every change. All of them watch from the first change on."""
    for name in world.sockets.open & {"v1", "v2"}:
        head = connections.find_head(ORG)
        sequences = {frame["sequence"] for frame in world.sockets.sent[name] if "sequence" in frame}
        assert head is not None and sequences == set(range(1, head.sequence + 1))
