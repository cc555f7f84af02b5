"""Whoever watches the tasks: connects, is cut off, and comes back with the last number that it saw."""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.engine.live import task_feed
from chalicelib.storage.connections.connections import Connection
from tests.simulation.acting import Actor
from tests.support.world import ORG, WATCH


@dataclass
class Watcher:
    """One client: its connections one after the other, and every frame that it got."""

    connection: str | None = None
    read: int = 0
    frames: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seen(self) -> list[int]:
        """The sequences that it was told, each where it came first."""
        return list(dict.fromkeys(frame["sequence"] for frame in self.frames if "sequence" in frame))


@dataclass
class Watchers(Actor):
    """Two that watch from the first change on."""

    clients: list[Watcher] = field(default_factory=lambda: [Watcher(), Watcher()])
    ends: list[Connection] = field(default_factory=list)
    _made: int = 0

    def connect(self, one: Watcher | None = None) -> None:
        """One comes, or comes back; the event may arrive twice."""
        one = one or self.random.choice(self.clients)
        if one.connection in self.world.sockets.open:
            return
        self._read(one)
        self._made += 1
        link = Connection(f"v{self._made}", ORG, WATCH)
        self.world.sockets.connect(link.id)
        for _ in range(2 if self.chance(0.2) else 1):
            let_in = self.attempt(lambda: task_feed.watch(link, max(one.seen, default=0)) or True)
        if let_in is None:
            self.world.sockets.drop(link.id)
            return
        one.connection, one.read = link.id, 0

    def disconnect(self) -> None:
        """One goes; the event comes now, later, or never."""
        one = self.random.choice(self.clients)
        if one.connection is not None:
            self.world.sockets.drop(one.connection)
            self.ends += [Connection(one.connection, ORG, WATCH)] * self.random.choice([0, 1, 2])
            if self.chance(0.5):
                self.event()

    def event(self) -> None:
        """A disconnect event arrives."""
        if self.ends:
            link = self.ends.pop(self.random.randrange(len(self.ends)))
            self.attempt(lambda: task_feed.leave(link))

    def _read(self, one: Watcher) -> None:
        if one.connection is not None:
            frames = self.world.sockets.sent[one.connection]
            one.frames += frames[one.read :]
            one.read = len(frames)

    def finish(self) -> None:
        """Everybody is there and has read everything."""
        while self.ends:
            self.event()
        for one in self.clients:
            self.connect(one)
        self.world.settle()
        for one in self.clients:
            self._read(one)
