"""Workers on WebSockets: they connect, disconnect, connect twice, and answer late, twice or never."""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.chunks.chunk import Chunk
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Status
from chalicelib.domain.tasks.worker import Health, Heartbeat
from chalicelib.engine.chunks import chunks
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registration, registry, websocket_workers
from chalicelib.engine.workers.registration import Registration
from chalicelib.storage.chunks import chunks as chunk_storage
from chalicelib.storage.connections.connections import Connection
from tests.simulation.acting import Actor
from tests.support import aws
from tests.support.world import ORG, POOL

CHANNEL = "test.worker"
MOST = 3


@dataclass
class Socket:
    """One worker's own state: its connection, how many frames it has read, and the tasks that it received."""

    id: str
    connection: str | None = None
    silent: bool = False  # it neither reads nor answers, although its connection is open
    read: int = 0
    received: list[dict[str, Any]] = field(default_factory=list)

    def link(self, connection_id: str) -> Connection:
        return Connection(connection_id, ORG, CHANNEL, POOL, self.id)


@dataclass
class SocketWorkers(Actor):
    """All workers on WebSockets, and the disconnect events that have not arrived yet."""

    workers: dict[str, Socket] = field(default_factory=dict)
    late_disconnects: list[Connection] = field(default_factory=list)
    attempts: dict[tuple[str, int], int] = field(default_factory=dict)
    """(task id, lease) -> the number of the attempt."""
    _last_number: int = 0

    def register(self) -> None:
        """Register one more worker and connect it."""
        if len(self.workers) >= MOST:
            return
        fields = Registration(
            pool=POOL,
            id_prefix="worker",
            id=f"socket{self._next()}",
            name="socket",
            socket=True,
            max_concurrent=self.random.randrange(1, 4),
            capabilities=("image",) if self.random.random() < 0.5 else (),
            type="video",
            attempt_seconds=self.random.choice([None, 40]),
        )
        worker = self.attempt(lambda: registration.register_or_update(ORG, fields))
        if worker is not None:
            self.workers[worker.id] = Socket(worker.id)
            self.connect(self.workers[worker.id])

    def connect(self, worker: Socket | None = None) -> None:
        """Open a connection, sometimes beside an open one. The connect event may arrive twice."""
        worker = worker or self._choose_socket()
        if worker is None or (worker.connection in self.world.sockets.open and not self.should_happen(0.3)):
            return
        name = f"c{self._next()}"
        before = worker.connection if self._is_answering(worker) else None
        self.world.sockets.connect(name)
        for _ in range(2 if self.should_happen(0.2) else 1):
            let_in = self.attempt(lambda: websocket_workers.connect(worker.link(name)))
        if let_in is None:
            self.world.sockets.drop(name)
            return
        assert before not in self.world.sockets.open, f"{worker.id} is connected twice although {before} answers"
        if worker.connection is not None:
            self._queue_disconnect(worker.link(worker.connection))
        worker.connection, worker.read = name, 0

    def _is_answering(self, worker: Socket) -> bool:
        """Whether the worker's heartbeat is so recent that no other connection may replace its own."""
        if worker.connection not in self.world.sockets.open:
            return False
        with aws.without_interference():
            stored = self.world.worker(worker.id)
        if stored.connection != worker.connection:
            return False
        return (
            self.world.clock.now() - stored.last_heartbeat_at
            <= websocket_workers.PINGS_MISSED * registry.ping_interval_ms()
        )

    def disconnect(self) -> None:
        """End a connection."""
        if (worker := self._choose_socket()) is not None and worker.connection is not None:
            self.world.sockets.drop(worker.connection)
            self._queue_disconnect(worker.link(worker.connection))

    def _queue_disconnect(self, link: Connection) -> None:
        """The disconnect event arrives now, later, twice or never."""
        self.late_disconnects += [link] * self.random.choice([0, 1, 1, 2])
        if self.should_happen(0.5):
            self.deliver_disconnect()

    def deliver_disconnect(self) -> None:
        """A disconnect event arrives, perhaps after the worker has connected again."""
        if self.late_disconnects:
            link = self.late_disconnects.pop(self.random.randrange(len(self.late_disconnects)))
            self.attempt(lambda: websocket_workers.disconnect(link))

    def toggle_silence(self) -> None:
        """Make a worker silent, or end its silence."""
        if (worker := self._choose_socket()) is not None:
            worker.silent = not worker.silent

    def read_frames(self) -> None:
        """All workers read their frames and answer pings."""
        for worker in self.workers.values():
            if worker.connection is None or worker.silent:
                continue
            frames = self.world.sockets.sent[worker.connection]
            fresh, worker.read = frames[worker.read :], len(frames)
            for frame in fresh:
                self._handle_frame(worker, frame)

    def _handle_frame(self, worker: Socket, frame: dict[str, Any]) -> None:
        if frame["type"] == "task":
            worker.received.append(frame)
            self.attempts[frame["task_id"], frame["lease"]] = frame["attempt"]
        elif frame["type"] == "ping" and worker.connection in self.world.sockets.open:
            link = worker.link(worker.connection)
            self.attempt(lambda: websocket_workers.record_heartbeat(link, Heartbeat(Health.HEALTHY)))

    def report(self) -> None:
        """A worker reports on a task that it received, perhaps late, perhaps again."""
        worker = self._choose_socket()
        if worker is not None and worker.received and not worker.silent:
            self._report(worker, self.random.choice(worker.received[-6:]))

    def _report(self, worker: Socket, frame: dict[str, Any]) -> None:
        task_id = frame["task_id"]
        # A client may name the lease of the frame, and must name the attempt.
        lease = frame["lease"] if self.random.random() < 0.5 else None
        holder = Holder(worker.id, lease, frame["attempt"])
        failure, percent = reported_failure("it broke", self.should_happen(0.8)), self.random.randrange(100)
        dice = 0.0 if self.quiet else self.random.random()
        for _ in range(2 if self.should_happen(0.2) else 1):
            if dice < 0.6:
                self._complete(task_id, holder)
            elif dice < 0.8:
                self.attempt(lambda: lifecycle.fail(ORG, task_id, holder, failure))
            elif dice < 0.9:
                self._send_chunk(task_id, holder, percent)
            else:
                self.attempt(lambda: lifecycle.report_progress(ORG, task_id, holder, percent))

    def _send_chunk(self, task_id: str, holder: Holder, percent: int) -> None:
        """Send one of a few pieces of output, in any order; its text says whose it is."""
        with aws.without_interference():
            task = self.world.task(task_id)
        chunk = Chunk(percent % 4 + 1, f"{holder.worker_id}/{holder.attempt}", percent)
        accepted = self.attempt(lambda: chunks.append(ORG, POOL, task_id, holder, chunk) or True)
        if accepted:
            is_its_attempt = (task.worker_id, task.attempt) == (holder.worker_id, holder.attempt)
            assert task.is_held and is_its_attempt and holder.epoch in (None, task.epoch), (
                f"a chunk of {holder} was stored, but {task_id} was {task.status} in {task.attempt} by {task.worker_id}"
            )

    def require_unmixed_output(self) -> None:
        """Require that each lease has only chunks of its own attempt."""
        for (task_id, lease), attempt in self.attempts.items():
            for chunk in chunk_storage.list_after(task_id, lease, 0):
                assert chunk.text.partition("/")[2] == str(attempt), f"{task_id}: {chunk} in attempt {attempt}"

    def _complete(self, task_id: str, holder: Holder) -> None:
        with aws.without_interference():
            task = self.world.task(task_id)
        ended = self.attempt(lambda: lifecycle.complete(ORG, POOL, task_id, holder, {"done": task_id}))
        if ended is not None:
            is_its_attempt = (task.worker_id, task.attempt) == (holder.worker_id, holder.attempt)
            is_current = (
                is_its_attempt
                and holder.epoch in (None, task.epoch)
                and (task.is_held or task.status is Status.COMPLETED)
            )
            assert is_current, (
                f"{holder} ended {task_id}, which was {task.status} in {task.attempt} by {task.worker_id}"
            )

    def unregister(self) -> None:
        if self.workers:
            name = self.random.choice(sorted(self.workers))
            if self.attempt(lambda: registry.unregister(ORG, POOL, name) or True):
                del self.workers[name]

    def finish(self) -> None:
        """Connect all workers, read all frames and complete all received tasks."""
        while self.late_disconnects:
            self.deliver_disconnect()
        for worker in self.workers.values():
            worker.silent = False
            self.connect(worker)
        self.read_frames()
        for worker in self.workers.values():
            for frame in worker.received[-20:]:
                self._report(worker, frame)
        self.require_unmixed_output()

    def _choose_socket(self) -> Socket | None:
        return self.workers[self.random.choice(sorted(self.workers))] if self.workers else None

    def _next(self) -> int:
        self._last_number += 1
        return self._last_number
