"""Clients that watch the tasks: they connect, lose the connection, and connect again with the last number they saw."""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.engine.live import task_feed
from chalicelib.storage.connections.connections import Connection
from tests.simulation.acting import Actor
from tests.support.world import ORG, WATCH


@dataclass
class Watcher:
    """One client: its current connection, and every frame that it received."""

    connection: str | None = None
    read: int = 0
    frames: list[dict[str, Any]] = field(default_factory=list)

    @property
    def sequences(self) -> list[int]:
        """The sequence numbers that it received, without repetitions, in the order of their first arrival."""
        return list(dict.fromkeys(frame["sequence"] for frame in self.frames if "sequence" in frame))


@dataclass
class Watchers(Actor):
    """Two clients that watch from the first change on."""

    clients: list[Watcher] = field(default_factory=lambda: [Watcher(), Watcher()])
    late_disconnects: list[Connection] = field(default_factory=list)
    _last_number: int = 0

    def connect(self, watcher: Watcher | None = None) -> None:
        """Connect a client, perhaps again. The connect event may arrive twice."""
        watcher = watcher or self.random.choice(self.clients)
        if watcher.connection in self.world.sockets.open:
            return
        self._read(watcher)
        self._last_number += 1
        link = Connection(f"v{self._last_number}", ORG, WATCH)
        self.world.sockets.connect(link.id)
        for _ in range(2 if self.should_happen(0.2) else 1):
            let_in = self.attempt(lambda: task_feed.watch(link, max(watcher.sequences, default=0)) or True)
        if let_in is None:
            self.world.sockets.drop(link.id)
            return
        watcher.connection, watcher.read = link.id, 0

    def disconnect(self) -> None:
        """End a client's connection. The disconnect event arrives now, later or never."""
        watcher = self.random.choice(self.clients)
        if watcher.connection is not None:
            self.world.sockets.drop(watcher.connection)
            self.late_disconnects += [Connection(watcher.connection, ORG, WATCH)] * self.random.choice([0, 1, 2])
            if self.should_happen(0.5):
                self.deliver_disconnect()

    def deliver_disconnect(self) -> None:
        """A disconnect event arrives."""
        if self.late_disconnects:
            link = self.late_disconnects.pop(self.random.randrange(len(self.late_disconnects)))
            self.attempt(lambda: task_feed.leave(link))

    def _read(self, watcher: Watcher) -> None:
        if watcher.connection is not None:
            frames = self.world.sockets.sent[watcher.connection]
            watcher.frames += frames[watcher.read :]
            watcher.read = len(frames)

    def finish(self) -> None:
        """Connect all clients and read all frames."""
        while self.late_disconnects:
            self.deliver_disconnect()
        for watcher in self.clients:
            self.connect(watcher)
        self.world.settle()
        for watcher in self.clients:
            self._read(watcher)
