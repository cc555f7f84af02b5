"""Stories for tests that kill a process: workers on WebSockets, watchers, assignments by callers, built-in performers.

Each story prepares a deployment and returns the act during which the process dies.
"""

from collections.abc import Callable

from chalicelib import clock, config
from chalicelib.domain.chunks.chunk import Chunk
from chalicelib.domain.models.chat import Message
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import ConcurrencyLimit, Holder, Phase, Status, Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine import content_tasks
from chalicelib.engine.chunks import chunks
from chalicelib.engine.content_tasks import Edit
from chalicelib.engine.live import task_feed
from chalicelib.engine.models import chat_tasks
from chalicelib.engine.models.generation import Ask
from chalicelib.engine.orchestration import orchestrations
from chalicelib.engine.tasks import approvals, assignment, lifecycle, submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.workers import completion_reports, registration, registry, websocket_workers
from chalicelib.engine.workers.registration import Registration
from chalicelib.engine.workers.registry import Rotation, WorkerChange
from chalicelib.engine.workflows import advance, executions
from chalicelib.errors import Unavailable
from chalicelib.providers.recognition.jobs import Job
from chalicelib.storage.connections.connections import Connection
from tests.simulation import performer
from tests.support.model_servers import KEY, OpenAiServer
from tests.support.models import MODELS, OPENAI_HOST
from tests.support.recognition import fake_engine
from tests.support.world import ORG, POOL, WATCH, World, answer

Act = Callable[[], object]


def _link(connection_id: str) -> Connection:
    return Connection(connection_id, ORG, "test.worker", POOL, "w1")


def _register_worker(world: World) -> Worker:
    registration_fields = Registration(POOL, "worker", "w1", max_concurrent=2, id="w1", socket=True)
    return registration.register(ORG, registration_fields)


def _connect_worker(world: World) -> None:
    _register_worker(world)
    world.sockets.connect("c1")
    websocket_workers.connect(_link("c1"))
    world.settle()


def _run_task(world: World) -> Task:
    """A task that a connected worker runs."""
    _connect_worker(world)
    task = world.submit()
    world.settle()
    assert world.task(task.id).status is Status.RUNNING
    return world.task(task.id)


def _lease_task(world: World) -> None:
    """Lease a task to a connected worker, without sending it."""
    _connect_worker(world)
    world.submit()
    world.relay("tasks")
    world.handle("dispatch")
    world.relay("tasks")


def _connect(world: World) -> Act:
    _register_worker(world)
    world.submit()
    world.settle()
    world.sockets.connect("c1")
    return lambda: websocket_workers.connect(_link("c1"))


def _take_over(world: World) -> Act:
    _run_task(world)
    world.sockets.drop("c1")
    world.sockets.connect("c2")
    return lambda: websocket_workers.connect(_link("c2"))


def _disconnect(world: World) -> Act:
    _run_task(world)
    world.sockets.drop("c1")
    return lambda: websocket_workers.disconnect(_link("c1"))


def _hand_over(world: World) -> Act:
    _lease_task(world)
    return lambda: world.handle("deliver")


def _send_chunk(world: World) -> Act:
    """A worker sends a piece of its task's output, with a lower progress than before and without its lease."""
    task = _run_task(world)
    chunks.append(ORG, POOL, task.id, Holder("w1", attempt=1), Chunk(1, "a", 90))
    return lambda: chunks.append(ORG, POOL, task.id, Holder("w1", attempt=1), Chunk(2, "b", 10))


def _hand_over_to_nobody(world: World) -> Act:
    _lease_task(world)
    world.sockets.drop("c1")
    return lambda: world.handle("deliver")


def _resend_tasks(world: World) -> Act:
    """The worker connects again and is sent the task that it holds, and the cancellation of another."""
    task = _run_task(world)
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


def _add_watcher(world: World, connection_id: str) -> None:
    world.sockets.connect(connection_id)
    task_feed.watch(Connection(connection_id, ORG, WATCH), 0)


def _send_updates(world: World) -> Act:
    for name in ("v1", "v2"):
        _add_watcher(world, name)
    world.settle()
    world.submit()
    world.relay("tasks")
    return lambda: world.handle("live")


def _catch_up(world: World) -> Act:
    _add_watcher(world, "v1")
    world.settle()
    world.submit()
    world.settle()
    _add_watcher(world, "v2")
    return lambda: world.handle("live")


def _leave(world: World) -> Act:
    _add_watcher(world, "v1")
    world.settle()
    world.sockets.drop("v1")
    return lambda: task_feed.leave(Connection("v1", ORG, WATCH))


def _perform(world: World) -> Act:
    for ends in ("well", "badly"):
        submitted = Submission(performer.POOL, "toy", 5, payload={"ends": ends}, capabilities=("toy",))
        submission.submit(ORG, "dev", submitted)
    world.relay("tasks")
    world.handle("dispatch")
    world.relay("tasks")
    return lambda: world.handle("perform")


def _recognize(world: World) -> Act:
    """A task is performed and another one put off, by the function that has recognition's libraries."""
    busy = [Unavailable("The engine is busy", retry_after=1)]

    def put_off(job: Job) -> None:
        if job.files[0].content == fake_engine.BLANK and busy:
            raise busy.pop()

    fake_engine.use().before = put_off
    for image in (fake_engine.TEXT, fake_engine.BLANK):
        payload = {"image": fake_engine.encode(image)}
        asked = Submission("coordinator", "recognition:ocr", 5, payload=payload, capabilities=("recognition:ocr",))
        submission.submit(ORG, "dev", asked)
    world.relay("tasks")
    world.handle("dispatch")
    world.relay("tasks")
    return lambda: [world.handle("recognize") for _ in range(2)]


def _call_model(world: World) -> Act:
    """A chat task is handed over; its call of a model is counted once for each answer."""
    world.model_servers[OPENAI_HOST] = OpenAiServer(key=KEY)
    config.replace(models=MODELS)
    chat_tasks.submit(ORG, "dev", Ask(messages=(Message("user", "hello"),), timeout_seconds=5), api="studio")
    world.relay("tasks")
    world.handle("dispatch")
    world.relay("tasks")
    return lambda: world.handle("models")


def _register_puller(world: World) -> Worker:
    return world.register("puller", endpoints={}, api_key=None)


def _assign(world: World) -> Act:
    """Assign a task that no worker gets from the dispatcher, so that the spare server of the test cannot take it."""
    worker, task = _register_puller(world), world.submit(manual=True)
    world.settle()
    return lambda: assignment.assign(ORG, POOL, task.id, worker.id)


def _start(world: World) -> Act:
    _register_puller(world)
    task = world.submit()
    world.settle()
    return lambda: assignment.start(ORG, POOL, task.id)


def _approve(world: World) -> Act:
    _register_puller(world)
    task = world.submit(approval_seconds=600)
    world.settle()
    return lambda: approvals.approve(ORG, task.id, "ann")


def _carry_on(world: World) -> Act:
    """The first step of a workflow is completed; the next one is about to follow."""
    execution = executions.start(ORG, "dev", performer.POOL, performer.WORKFLOW, {"ends": "well"})
    world.relay("tasks")
    world.handle("wakeups")
    [step] = [task for task in world.tasks() if task.parent == execution.id]
    world.relay("tasks")
    world.handle("dispatch")
    lifecycle.complete(ORG, performer.POOL, step.id, None, 1)
    return lambda: advance.advance(execution)


def _end_workflow(world: World) -> Act:
    """The last step is completed; the execution is about to end."""
    execution = executions.start(ORG, "dev", performer.POOL, performer.WORKFLOW, {"ends": "well"})
    for number in range(len(execution.steps)):
        world.relay("tasks")
        advance.advance(execution)
        world.relay("tasks")
        world.handle("dispatch")
        lifecycle.complete(ORG, performer.POOL, executions.step_id(execution, number), None, 1)
    return lambda: advance.advance(execution)


def _cancel_workflow(world: World) -> Act:
    execution = executions.start(ORG, "dev", performer.POOL, performer.WORKFLOW, {"ends": "well"})
    world.relay("tasks")
    world.handle("wakeups")
    lifecycle.cancel(ORG, execution.id)
    return lambda: advance.advance(execution)


def _publish(world: World) -> Act:
    """A person has approved what a workflow has written; it is about to be published."""
    execution = executions.start(ORG, "dev", performer.POOL, performer.PUBLISHING, {"ends": "well"})
    world.relay("tasks")
    world.handle("wakeups")
    lifecycle.change(ORG, executions.step_id(execution, 0), _written)
    advance.advance(execution)
    approvals.approve(ORG, executions.step_id(execution, 1), "ann")
    while world.relay("tasks") or world.handle("dispatch"):
        pass
    return lambda: world.handle("models")


def _written(step: Task) -> Task:
    return transitions.completed(step, clock.now(), {"title": "Tea", "content": "Hot"})


def _end_task(world: World) -> Act:
    """The execution that does a task of the studio has ended, and its task is about to end."""
    task = content_tasks.create(ORG, "dev", "Tea", {})
    execution = orchestrations.process(ORG, "dev", task.id, performer.WORKFLOW.name, {"ends": "well"})
    lifecycle.cancel(ORG, execution.id)
    while world.relay("tasks"):
        pass
    return lambda: world.handle("wakeups")


def _cancel_studio_task(world: World) -> Act:
    """The owner of a studio task cancels it while a workflow does it."""
    task = _begin_studio_task(world)

    def act() -> None:
        content_tasks.change(ORG, task.id, Edit(Phase.CANCELLED), "dev")
        world.relay("tasks")
        world.handle("wakeups")

    return act


def _delete_studio_task(world: World) -> Act:
    task = _begin_studio_task(world)
    return lambda: content_tasks.delete(ORG, task.id, "dev")


def _begin_studio_task(world: World) -> Task:
    """A studio task with a workflow whose first step is there."""
    task = content_tasks.create(ORG, "dev", "Tea", {})
    orchestrations.process(ORG, "dev", task.id, performer.WORKFLOW.name, {"ends": "well"})
    world.relay("tasks")
    world.handle("wakeups")
    return task


def _claim(world: World) -> Act:
    worker = _register_puller(world)
    return lambda: completion_reports.report_outcome(ORG, POOL, worker.id, "completed")


def _report(world: World) -> Act:
    worker = _register_puller(world)
    world.submit()
    world.settle()
    return lambda: completion_reports.report_outcome(ORG, POOL, worker.id, "failed")


def _dispatch_with_limit(world: World) -> Act:
    """Dispatch two tasks of one concurrency key: the first is leased, the second has to wait."""
    world.register(reply=answer(200, {"ok": True}), max_concurrent=3)
    world.settle()
    for _ in range(2):
        world.submit(concurrency_limit=LIMIT)
    world.relay("tasks")
    return lambda: world.handle("dispatch")


def _release_permit(world: World) -> Act:
    """Complete a task that holds the permit for which another task waits."""
    worker = _register_puller(world)
    task, _ = [world.submit(concurrency_limit=LIMIT, priority=priority) for priority in (9, 1)]
    world.settle()
    return lambda: lifecycle.complete(ORG, POOL, task.id, Holder(worker.id, 1), {"ok": True})


def _drain(world: World) -> Act:
    _lease_task(world)
    registry.update(ORG, POOL, "w1", WorkerChange(rotation=Rotation.DRAINED))
    return world.sweep


def _remove_worker(world: World) -> Act:
    """Remove a worker that has completed a task. Its counters stay in the pool."""
    task = _run_task(world)
    lifecycle.complete(ORG, POOL, task.id, Holder("w1", 1), None)
    world.settle()
    registry.unregister(ORG, POOL, "w1")
    return world.sweep


LIMIT = ConcurrencyLimit("k", 1)


def _check_waiting_task(world: World) -> Act:
    """The sweep finds a waiting task whose messages were all lost."""
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
    "chunk of a task's output": _send_chunk,
    "frame to a socket that is gone": _hand_over_to_nobody,
    "tasks sent to a socket again": _resend_tasks,
    "watch": _watch,
    "updates to watchers": _send_updates,
    "catching up": _catch_up,
    "watcher leaves": _leave,
    "perform": _perform,
    "recognize": _recognize,
    "call of a model": _call_model,
    "dispatch of permits": _dispatch_with_limit,
    "release of a permit": _release_permit,
    "assign": _assign,
    "start": _start,
    "approve": _approve,
    "next step of a workflow": _carry_on,
    "end of a workflow": _end_workflow,
    "cancelled workflow": _cancel_workflow,
    "publication": _publish,
    "end of a studio task": _end_task,
    "cancellation of a studio task": _cancel_studio_task,
    "deletion of a studio task": _delete_studio_task,
    "claim": _claim,
    "report of the one task": _report,
    "drain of a socket": _drain,
    "removal of a worker with counters": _remove_worker,
    "check of a waiting task": _check_waiting_task,
}
