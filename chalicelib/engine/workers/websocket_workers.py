"""Workers with a WebSocket: they are online while they answer, and get their tasks as frames
(docs/reference/websockets.md).

A connection is not a lease. A worker that connects again under the same id before its heartbeat is overdue still holds
its tasks, and they are sent to it again.
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
from chalicelib.domain.tasks.worker import Health, Heartbeat, Worker
from chalicelib.engine.live import frames
from chalicelib.engine.live.frames import Frame
from chalicelib.engine.tasks import lifecycle, payloads, task_log
from chalicelib.engine.tasks.lease_end import LeaseEnd
from chalicelib.engine.workers import commands, registry
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import dynamodb, websocket_api
from chalicelib.storage.aws.websocket_api import ConnectionGone
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import Connection
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import workers as worker_storage

PINGS_MISSED = 2.25
"""A connection with no message for so many ping intervals may be replaced by a new one of the same worker."""
PING: Frame = {"type": "ping"}


def connect(connection: Connection) -> Worker:
    """Handle a registered worker's new connection: the worker is alive and may get tasks. Three calls, and two more to
    replace an earlier connection. The same connection again changes nothing.

    Raises NotFound when the worker is not registered, Conflict when it has another connection that answers.
    """
    assert connection.pool is not None and connection.worker_id is not None
    before = registry.get(connection.org, connection.pool, connection.worker_id)
    if before.connection == connection.id:
        return before
    if not before.socket:
        raise NotFound("Worker", connection.worker_id)
    _require_abandoned(before)

    def decide(worker: Worker) -> Worker:
        if worker.connection == connection.id:
            return worker
        if worker.connection not in (None, before.connection):
            raise _already_connected(worker)
        return _as_connected(worker, connection.id)

    create_write = connections.create_write(connection)
    worker = registry.change(connection.org, connection.pool, connection.worker_id, decide, [create_write])
    if worker is None:
        raise NotFound("Worker", connection.worker_id)
    if before.connection is not None:
        websocket_api.close(before.connection)
    return worker


def _require_abandoned(worker: Worker) -> None:
    """Raise Conflict while an earlier connection of the worker is still in use."""
    if worker.connection is None or clock.now() - worker.last_heartbeat_at > PINGS_MISSED * registry.ping_interval_ms():
        return
    with suppress(ConnectionGone):
        _send(worker, frames.encode(PING))
        raise _already_connected(worker)


def _already_connected(worker: Worker) -> Conflict:
    return Conflict(f"Worker {worker.id} is connected already; close that connection, or try again in a minute")


def _as_connected(worker: Worker, connection_id: str) -> Worker:
    now = clock.now()
    return replace(
        worker,
        connection=connection_id,
        alive=True,
        health=Health.HEALTHY,
        last_heartbeat_at=now,
        online_since=None if worker.maintenance else worker.online_since or now,
        wake_at=now + registry.ping_interval_ms(),
    )


def record_heartbeat(connection: Connection, beat: Heartbeat) -> None:
    """Store the heartbeat of a connected worker. A connection that was replaced, or whose worker was removed, is
    closed. One call."""
    assert connection.pool is not None and connection.worker_id is not None
    try:
        registry.record_heartbeat(connection.org, connection.pool, connection.worker_id, beat, connection=connection.id)
    except NotFound:
        websocket_api.close(connection.id)


def disconnect(connection: Connection) -> None:
    """Handle the end of a worker's connection: it gets no new task, and keeps its tasks until its heartbeat is
    overdue."""
    assert connection.pool is not None and connection.worker_id is not None
    _detach(connection.org, connection.pool, connection.worker_id, connection.id)
    dynamodb.commit(connections.delete_write(connection.id))


def _detach(org: str, pool: str, worker_id: str, connection_id: str) -> None:
    def decide(worker: Worker) -> Worker:
        if worker.connection != connection_id:
            return worker
        return replace(worker, connection=None, wake_at=max(clock.now(), worker.overdue_at))

    registry.change(org, pool, worker_id, decide)


def _detach_lost(worker: Worker) -> None:
    """Handle a connection that API Gateway reports as gone."""
    assert worker.connection is not None
    _detach(worker.org, worker.pool, worker.id, worker.connection)
    dynamodb.commit(connections.delete_write(worker.connection))


def ping(worker: Worker) -> None:
    """Send a ping to a connected worker; its pong counts as its heartbeat."""
    try:
        _send(worker, frames.encode(PING))
    except ConnectionGone:
        _detach_lost(worker)


def hand_over(task: Task, worker: Worker) -> None:
    """Send a leased task to its worker. If its connection is gone, the task is queued again without counting an
    attempt.

    Raises Conflict, NotFound when the lease has ended meanwhile.
    """
    holder = Holder(worker.id, task.epoch)
    frame = frames.encode(task_frame(task))
    if len(frame.encode()) > websocket_api.MAX_MESSAGE_BYTES:
        lifecycle.fail(task.org, task.id, holder, Failure(Reason.REJECTED, "The task does not fit into a frame", False))
        return
    try:
        if worker.connection is None:
            raise ConnectionGone(worker.id)
        task_log.log_handover(task, "socket")
        _send(worker, frame)
    except ConnectionGone:
        if worker.connection is not None:
            _detach_lost(worker)
        _release(task, holder)
    else:
        lifecycle.report_progress(task.org, task.id, holder, None)


def _release(task: Task, holder: Holder) -> None:
    """Release the task without counting an attempt, unless the worker got it meanwhile over a new connection."""

    def decide(current: Task) -> Task:
        transitions.require_holder(current, holder)
        if current.status is not Status.LEASED:
            return current
        return transitions.released(current, clock.now(), ReleaseReason.NOT_CONNECTED)

    lifecycle.change(task.org, task.id, decide, end=LeaseEnd(tells_worker=False))


def task_frame(task: Task) -> dict[str, Any]:
    """The frame with a task for its worker. `deadline` is when the attempt times out, in epoch milliseconds."""
    return {
        "type": "task",
        "task_id": task.id,
        "attempt": task.attempt,
        "lease": task.epoch,
        "task_type": task.type,
        "data": payloads.load(task.payload, task.payload_ref),
        "deadline": task.attempt_ends_at,
    }


def send_commands(message: WorkerMessage) -> None:
    """Send a worker its commands and, if it has just connected, the tasks that it holds."""
    worker = worker_storage.find(message.org, message.pool, message.worker_id)
    if worker is None or worker.connection is None:
        return
    pending = commands.pending_commands(worker)
    try:
        for command in pending:
            _send(worker, frames.encode(_command_frame(command)))
        for task in _held_tasks(worker) if message.greeting else ():
            _resend_task(task, worker)
    except ConnectionGone:
        _detach_lost(worker)
        return
    _remove_commands(worker, {str(command["id"]) for command in pending})


def _command_frame(command: Mapping[str, Any]) -> Frame:
    return {name: value for name, value in command.items() if name != "id"}


def _held_tasks(worker: Worker) -> Iterable[Task]:
    tasks = task_storage.find_many(worker.leases, whole=True) if worker.leases else {}
    held = [task for task in tasks.values() if task.is_held and worker.leases[task.id] == task.epoch]
    return sorted(held, key=lambda task: (task.leased_at, task.id))


def _resend_task(task: Task, worker: Worker) -> None:
    if task.status is Status.LEASED:
        with suppress(Conflict, NotFound):
            hand_over(task, worker)
    else:
        _send(worker, frames.encode(task_frame(task)))


def _remove_commands(worker: Worker, names: set[str]) -> None:
    """Remove commands that were sent: over a connection they need no receipt."""

    def decide(current: Worker) -> Worker:
        remaining = {name: since for name, since in current.commands.items() if name not in names}
        return current if remaining == current.commands else replace(current, commands=remaining)

    registry.change(worker.org, worker.pool, worker.id, decide)


def _send(worker: Worker, frame: str) -> None:
    assert worker.connection is not None
    is_new = clock.now() - worker.last_heartbeat_at < frames.OPENING_MS
    frames.post(worker.connection, frame, patient=is_new)
