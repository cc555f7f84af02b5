"""Workers that hold a WebSocket: they are there while they answer, and tasks go to them as frames (docs/live.md).

A connection is not a lease. A worker that comes back under the same id before its heartbeat is overdue still holds its
tasks, and is told them again.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from chalicelib import clock
from chalicelib.domain.effects import Call
from chalicelib.domain.states import Failure, Reason
from chalicelib.domain.tasks import Health, Holder, Status, Task, Worker
from chalicelib.engine import payloads, tasks, workers
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage import base, connections, sockets
from chalicelib.storage import tasks as task_storage
from chalicelib.storage import workers as worker_storage
from chalicelib.storage.connections import Connection
from chalicelib.storage.sockets import Gone

ABANDONED_MS = 2 * workers.PING_MS + 5 * clock.SECOND
"""A connection that was silent for so long may be replaced by a new one of the same worker."""
CONNECTION_KEPT_SECONDS = 3 * 3600
"""API Gateway ends every connection after two hours."""

Frame = Mapping[str, Any]


def connect(found: Connection) -> Worker:
    """A registered worker opens its connection: it is alive, and may be given tasks. Four calls at most.

    Raises NotFound when it is not registered, Conflict when it is connected already and answers.
    """
    assert found.pool is not None and found.worker_id is not None
    before = workers.get(found.org, found.pool, found.worker_id)
    _require_abandoned(before)

    def decide(worker: Worker) -> Worker:
        if worker.connection not in (None, before.connection):
            raise Conflict(f"Worker {worker.id} is connected already")
        return _connected(worker, found.id)

    opened = connections.opened(found, clock.now() // clock.SECOND + CONNECTION_KEPT_SECONDS)
    worker = workers.change(found.org, found.pool, found.worker_id, decide, [opened])
    if worker is None:
        raise NotFound("Worker", found.worker_id)
    if before.connection is not None:
        sockets.close(before.connection)
    return worker


def _require_abandoned(worker: Worker) -> None:
    """Raise Conflict while an earlier connection of the worker is still in use."""
    if worker.connection is None or clock.now() - worker.last_heartbeat_at > ABANDONED_MS:
        return
    with suppress(Gone):
        _post(worker.connection, {"type": "ping"})
        raise Conflict(f"Worker {worker.id} is connected already")


def _connected(worker: Worker, connection_id: str) -> Worker:
    now = clock.now()
    return replace(
        worker,
        connection=connection_id,
        alive=True,
        health=Health.HEALTHY,
        last_heartbeat_at=now,
        online_since=None if worker.maintenance else worker.online_since or now,
        wake_at=now + workers.PING_MS,
    )


def disconnected(found: Connection) -> None:
    """A worker's connection has ended: nothing new goes to it; its tasks stay until its heartbeat is overdue."""
    assert found.pool is not None and found.worker_id is not None
    _let_go(found.org, found.pool, found.worker_id, found.id)
    base.commit(connections.closed(found.id))


def _let_go(org: str, pool: str, worker_id: str, connection_id: str) -> None:
    def decide(worker: Worker) -> Worker:
        if worker.connection != connection_id:
            return worker
        return replace(worker, connection=None, wake_at=max(clock.now(), worker.overdue_at))

    workers.change(org, pool, worker_id, decide)


def _lost(worker: Worker) -> None:
    """The gateway does not know the worker's connection any more."""
    assert worker.connection is not None
    _let_go(worker.org, worker.pool, worker.id, worker.connection)
    base.commit(connections.closed(worker.connection))


def ping(worker: Worker) -> None:
    """Ask a connected worker whether it is still there; its pong is its heartbeat."""
    assert worker.connection is not None
    try:
        _post(worker.connection, {"type": "ping"})
    except Gone:
        _lost(worker)


def hand_over(task: Task, worker: Worker) -> None:
    """Send a leased task to its worker; one whose connection is gone gives the lease back unburned.

    Raises Conflict, NotFound when the lease has ended meanwhile.
    """
    holder = Holder(worker.id, task.epoch)
    frame = task_frame(task)
    if len(_text(frame).encode()) > sockets.LARGEST_MESSAGE:
        tasks.fail(task.org, task.id, holder, Failure(Reason.REJECTED, "The task does not fit into a frame", False))
        return
    try:
        if worker.connection is None:
            raise Gone(worker.id)
        _post(worker.connection, frame)
    except Gone:
        if worker.connection is not None:
            _lost(worker)
        tasks.release(task.org, task.id, holder)
    else:
        tasks.progress(task.org, task.id, holder, None)


def task_frame(task: Task) -> dict[str, Any]:
    """What a worker is sent: `deadline` is when the attempt times out, in epoch milliseconds."""
    return {
        "type": "task",
        "task_id": task.id,
        "attempt": task.attempt,
        "lease": task.epoch,
        "task_type": task.type,
        "data": payloads.fetch(task.payload, task.payload_ref),
        "deadline": task.closes_at,
    }


def tell(call: Call) -> None:
    """Send a worker its commands and, when it has just come, the tasks that it holds."""
    worker = worker_storage.find(call.org, call.pool, call.worker_id)
    if worker is None or worker.connection is None:
        return
    told = workers.commands(worker)
    try:
        for command in told:
            _post(worker.connection, _order(command))
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
    return [task for task in found.values() if task.held and worker.leases[task.id] == task.epoch]


def _greet(task: Task, worker: Worker) -> None:
    if task.status is Status.LEASED:
        with suppress(Conflict, NotFound):
            hand_over(task, worker)
        return
    assert worker.connection is not None
    _post(worker.connection, task_frame(task))


def _forget(worker: Worker, names: set[str]) -> None:
    """Commands that were sent need no receipt: a connection that is there delivers them."""

    def decide(found: Worker) -> Worker:
        left = {name: since for name, since in found.commands.items() if name not in names}
        return found if left == found.commands else replace(found, commands=left)

    workers.change(worker.org, worker.pool, worker.id, decide)


def answer(connection_id: str, frame: Frame) -> None:
    """Send one frame to a connection that has just spoken; one that is gone needs no answer."""
    with suppress(Gone):
        _post(connection_id, frame)


def _post(connection_id: str, frame: Frame) -> None:
    sockets.post(connection_id, _text(frame))


def _text(frame: Frame) -> str:
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
