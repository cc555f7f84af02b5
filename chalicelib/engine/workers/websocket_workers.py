"""Workers that hold a WebSocket: they are there while they answer, and tasks go to them as frames
(docs/reference/websockets.md).

A connection is not a lease. A worker that comes back under the same id before its heartbeat is overdue still holds its
tasks, and is told them again.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from chalicelib import clock
from chalicelib.domain.changes.effects import WorkerMessage
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.domain.tasks.worker import Beat, Health, Worker
from chalicelib.engine.live import frames
from chalicelib.engine.live.frames import Frame
from chalicelib.engine.tasks import lifecycle, payloads, task_log
from chalicelib.engine.workers import commands, registry
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import dynamodb, websocket_api
from chalicelib.storage.aws.websocket_api import Gone
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import Connection
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import workers as worker_storage

PINGS_MISSED = 2.25
"""A connection that was silent for so many pings may be replaced by a new one of the same worker."""
PING: Frame = {"type": "ping"}


def connect(found: Connection) -> Worker:
    """A registered worker opens its connection: it is alive, and may be given tasks. Three calls, and two more to take
    over from an earlier connection. The same connection again changes nothing.

    Raises NotFound when it is not registered, Conflict when it is connected already and answers.
    """
    assert found.pool is not None and found.worker_id is not None
    before = registry.get(found.org, found.pool, found.worker_id)
    if before.connection == found.id:
        return before
    if not before.socket:
        raise NotFound("Worker", found.worker_id)
    _require_abandoned(before)

    def decide(worker: Worker) -> Worker:
        if worker.connection == found.id:
            return worker
        if worker.connection not in (None, before.connection):
            raise _taken(worker)
        return _connected(worker, found.id)

    worker = registry.change(found.org, found.pool, found.worker_id, decide, [connections.create_write(found)])
    if worker is None:
        raise NotFound("Worker", found.worker_id)
    if before.connection is not None:
        websocket_api.close(before.connection)
    return worker


def _require_abandoned(worker: Worker) -> None:
    """Raise Conflict while an earlier connection of the worker is still in use."""
    if worker.connection is None or clock.now() - worker.last_heartbeat_at > PINGS_MISSED * registry.ping_ms():
        return
    with suppress(Gone):
        _send(worker, frames.text(PING))
        raise _taken(worker)


def _taken(worker: Worker) -> Conflict:
    return Conflict(f"Worker {worker.id} is connected already; close that connection, or try again in a minute")


def _connected(worker: Worker, connection_id: str) -> Worker:
    now = clock.now()
    return replace(
        worker,
        connection=connection_id,
        alive=True,
        health=Health.HEALTHY,
        last_heartbeat_at=now,
        online_since=None if worker.maintenance else worker.online_since or now,
        wake_at=now + registry.ping_ms(),
    )


def heard(found: Connection, said: Beat) -> None:
    """A connected worker gave a sign of life: its heartbeat. A connection that has been replaced, or whose worker is
    removed, is closed. One call."""
    assert found.pool is not None and found.worker_id is not None
    try:
        registry.heartbeat(found.org, found.pool, found.worker_id, said, connection=found.id)
    except NotFound:
        websocket_api.close(found.id)


def disconnected(found: Connection) -> None:
    """A worker's connection has ended: nothing new goes to it; its tasks stay until its heartbeat is overdue."""
    assert found.pool is not None and found.worker_id is not None
    _let_go(found.org, found.pool, found.worker_id, found.id)
    dynamodb.commit(connections.delete_write(found.id))


def _let_go(org: str, pool: str, worker_id: str, connection_id: str) -> None:
    def decide(worker: Worker) -> Worker:
        if worker.connection != connection_id:
            return worker
        return replace(worker, connection=None, wake_at=max(clock.now(), worker.overdue_at))

    registry.change(org, pool, worker_id, decide)


def _lost(worker: Worker) -> None:
    """The gateway does not know the worker's connection any more."""
    assert worker.connection is not None
    _let_go(worker.org, worker.pool, worker.id, worker.connection)
    dynamodb.commit(connections.delete_write(worker.connection))


def ping(worker: Worker) -> None:
    """Ask a connected worker whether it is still there; its pong is its heartbeat."""
    try:
        _send(worker, frames.text(PING))
    except Gone:
        _lost(worker)


def hand_over(task: Task, worker: Worker) -> None:
    """Send a leased task to its worker; one whose connection is gone gives the lease back unburned.

    Raises Conflict, NotFound when the lease has ended meanwhile.
    """
    holder = Holder(worker.id, task.epoch)
    words = frames.text(task_frame(task))
    if len(words.encode()) > websocket_api.LARGEST_MESSAGE:
        lifecycle.fail(task.org, task.id, holder, Failure(Reason.REJECTED, "The task does not fit into a frame", False))
        return
    try:
        if worker.connection is None:
            raise Gone(worker.id)
        task_log.log_handover(task, "socket")
        _send(worker, words)
    except Gone:
        if worker.connection is not None:
            _lost(worker)
        _give_back(task, holder)
    else:
        lifecycle.report_progress(task.org, task.id, holder, None)


def _give_back(task: Task, holder: Holder) -> None:
    """The lease goes back unburned, unless the worker was told of it meanwhile over a new connection."""

    def decide(found: Task) -> Task:
        transitions.require_holder(found, holder)
        if found.status is not Status.LEASED:
            return found
        return transitions.released(found, clock.now(), ReleaseReason.NOT_CONNECTED)

    lifecycle.change(task.org, task.id, decide, end=lifecycle.LeaseEnd(told=False))


def task_frame(task: Task) -> dict[str, Any]:
    """What a worker is sent: `deadline` is when the attempt times out, in epoch milliseconds."""
    return {
        "type": "task",
        "task_id": task.id,
        "attempt": task.attempt,
        "lease": task.epoch,
        "task_type": task.type,
        "data": payloads.load(task.payload, task.payload_ref),
        "deadline": task.closes_at,
    }


def tell(call: WorkerMessage) -> None:
    """Send a worker its commands and, when it has just come, the tasks that it holds."""
    worker = worker_storage.find(call.org, call.pool, call.worker_id)
    if worker is None or worker.connection is None:
        return
    told = commands.of(worker)
    try:
        for command in told:
            _send(worker, frames.text(_order(command)))
        for task in _held(worker) if call.greeting else ():
            _greet(task, worker)
    except Gone:
        _lost(worker)
        return
    _forget(worker, {str(command["id"]) for command in told})


def _order(command: Mapping[str, Any]) -> Frame:
    return {name: value for name, value in command.items() if name != "id"}


def _held(worker: Worker) -> Iterable[Task]:
    found = task_storage.find_many(worker.leases, whole=True) if worker.leases else {}
    held = [task for task in found.values() if task.held and worker.leases[task.id] == task.epoch]
    return sorted(held, key=lambda task: (task.leased_at, task.id))


def _greet(task: Task, worker: Worker) -> None:
    if task.status is Status.LEASED:
        with suppress(Conflict, NotFound):
            hand_over(task, worker)
    else:
        _send(worker, frames.text(task_frame(task)))


def _forget(worker: Worker, names: set[str]) -> None:
    """Commands that were sent need no receipt: a connection that is there delivers them."""

    def decide(found: Worker) -> Worker:
        left = {name: since for name, since in found.commands.items() if name not in names}
        return found if left == found.commands else replace(found, commands=left)

    registry.change(worker.org, worker.pool, worker.id, decide)


def _send(worker: Worker, words: str) -> None:
    assert worker.connection is not None
    young = clock.now() - worker.last_heartbeat_at < frames.OPENING_MS
    frames.post(worker.connection, words, patient=young)
