"""Workers on WebSockets as they see themselves: they come, go, come back, come twice, answer late, twice, or never."""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Status
from chalicelib.domain.tasks.worker import Health, Heartbeat
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registration, registry, websocket_workers
from chalicelib.engine.workers.registration import Registration
from chalicelib.storage.connections.connections import Connection
from tests.simulation.acting import Actor
from tests.support import aws
from tests.support.world import ORG, POOL

CHANNEL = "test.worker"
MOST = 3


@dataclass
class Socket:
    """One worker: its connection, how much of what it was sent it has read, and what it was given."""

    id: str
    connection: str | None = None
    deaf: bool = False  # it neither reads nor answers, though its connection is open
    read: int = 0
    given: list[dict[str, Any]] = field(default_factory=list)

    def link(self, connection_id: str) -> Connection:
        return Connection(connection_id, ORG, CHANNEL, POOL, self.id)


@dataclass
class SocketWorkers(Actor):
    """All of them, and the disconnect events that are still under way."""

    crew: dict[str, Socket] = field(default_factory=dict)
    ends: list[Connection] = field(default_factory=list)
    _made: int = 0

    def register(self) -> None:
        """One more joins, and connects."""
        if len(self.crew) >= MOST:
            return
        said = Registration(
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
        worker = self.attempt(lambda: registration.register_or_update(ORG, said))
        if worker is not None:
            self.crew[worker.id] = Socket(worker.id)
            self.connect(self.crew[worker.id])

    def connect(self, one: Socket | None = None) -> None:
        """A connection is opened, sometimes beside one that is open; the event may come twice."""
        one = one or self._any()
        if one is None or (one.connection in self.world.sockets.open and not self.chance(0.3)):
            return
        name = f"c{self._next()}"
        before = one.connection if self._answers(one) else None
        self.world.sockets.connect(name)
        for _ in range(2 if self.chance(0.2) else 1):
            let_in = self.attempt(lambda: websocket_workers.connect(one.link(name)))
        if let_in is None:
            self.world.sockets.drop(name)
            return
        assert before not in self.world.sockets.open, f"{one.id} is connected twice although {before} answers"
        if one.connection is not None:
            self._end(one.link(one.connection))
        one.connection, one.read = name, 0

    def _answers(self, one: Socket) -> bool:
        """Whether its connection was heard of so lately that no other may take its place."""
        if one.connection not in self.world.sockets.open:
            return False
        with aws.without_interference():
            found = self.world.worker(one.id)
        if found.connection != one.connection:
            return False
        return (
            self.world.clock.now() - found.last_heartbeat_at
            <= websocket_workers.PINGS_MISSED * registry.ping_interval_ms()
        )

    def disconnect(self) -> None:
        """A connection ends, properly or by a cut cable."""
        if (one := self._any()) is not None and one.connection is not None:
            self.world.sockets.drop(one.connection)
            self._end(one.link(one.connection))

    def _end(self, link: Connection) -> None:
        """Its disconnect event comes now, later, twice, or never."""
        self.ends += [link] * self.random.choice([0, 1, 1, 2])
        if self.chance(0.5):
            self.event()

    def event(self) -> None:
        """A disconnect event arrives, perhaps after the worker is back."""
        if self.ends:
            link = self.ends.pop(self.random.randrange(len(self.ends)))
            self.attempt(lambda: websocket_workers.disconnect(link))

    def deafen(self) -> None:
        """One falls silent, or hears again."""
        if (one := self._any()) is not None:
            one.deaf = not one.deaf

    def listen(self) -> None:
        """All read what they were sent, and answer pings."""
        for one in self.crew.values():
            if one.connection is None or one.deaf:
                continue
            frames = self.world.sockets.sent[one.connection]
            fresh, one.read = frames[one.read :], len(frames)
            for frame in fresh:
                self._hear(one, frame)

    def _hear(self, one: Socket, frame: dict[str, Any]) -> None:
        if frame["type"] == "task":
            one.given.append(frame)
        elif frame["type"] == "ping" and one.connection in self.world.sockets.open:
            link = one.link(one.connection)
            self.attempt(lambda: websocket_workers.record_heartbeat(link, Heartbeat(Health.HEALTHY)))

    def answer(self) -> None:
        """One reports on something that it was given: lately, long ago, again."""
        one = self._any()
        if one is not None and one.given and not one.deaf:
            self._report(one, self.random.choice(one.given[-6:]))

    def _report(self, one: Socket, frame: dict[str, Any]) -> None:
        task_id = frame["task_id"]
        # A client may name the lease that it was told, but must name the attempt.
        lease = frame["lease"] if self.random.random() < 0.5 else None
        holder = Holder(one.id, lease, frame["attempt"])
        failure, percent = reported_failure("it broke", self.chance(0.8)), self.random.randrange(100)
        dice = 0.0 if self.quiet else self.random.random()
        for _ in range(2 if self.chance(0.2) else 1):
            if dice < 0.6:
                self._complete(task_id, holder)
            elif dice < 0.8:
                self.attempt(lambda: lifecycle.fail(ORG, task_id, holder, failure))
            else:
                self.attempt(lambda: lifecycle.report_progress(ORG, task_id, holder, percent))

    def _complete(self, task_id: str, holder: Holder) -> None:
        with aws.without_interference():
            task = self.world.task(task_id)
        ended = self.attempt(lambda: lifecycle.complete(ORG, POOL, task_id, holder, {"done": task_id}))
        if ended is not None:
            mine = (task.worker_id, task.attempt) == (holder.worker_id, holder.attempt)
            current = mine and holder.epoch in (None, task.epoch) and (task.is_held or task.status is Status.COMPLETED)
            assert current, f"{holder} ended {task_id}, which was {task.status} in {task.attempt} by {task.worker_id}"

    def unregister(self) -> None:
        if self.crew:
            name = self.random.choice(sorted(self.crew))
            if self.attempt(lambda: registry.unregister(ORG, POOL, name) or True):
                del self.crew[name]

    def finish(self) -> None:
        """The run is over: everybody is there, listens, and does what it was given."""
        while self.ends:
            self.event()
        for one in self.crew.values():
            one.deaf = False
            self.connect(one)
        self.listen()
        for one in self.crew.values():
            for frame in one.given[-20:]:
                self._report(one, frame)

    def _any(self) -> Socket | None:
        return self.crew[self.random.choice(sorted(self.crew))] if self.crew else None

    def _next(self) -> int:
        self._made += 1
        return self._made
