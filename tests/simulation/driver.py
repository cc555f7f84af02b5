"""A fleet, its clients and its bad luck, one operation at a time: for the state machine, the seeded runs and soak."""

import json
from dataclasses import dataclass, field
from operator import attrgetter
from random import Random
from typing import Any

from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import ConcurrencyLimit, Holder
from chalicelib.domain.tasks.worker import Health, Heartbeat
from chalicelib.engine.projects.projects import SECOND_PASS_DELAY_S
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registry
from chalicelib.errors import Conflict, Unavailable
from chalicelib.providers.http import outbound
from chalicelib.storage.connections import connections
from tests.simulation import managed
from tests.simulation.acting import Actor
from tests.simulation.faults import Faults, Killed, everywhere
from tests.simulation.invariants import ALWAYS, AT_REST
from tests.simulation.owners import Owners
from tests.simulation.people import People
from tests.simulation.socket_workers import SocketWorkers
from tests.simulation.watchers import Watchers
from tests.simulation.weights import WEIGHTS
from tests.support.queues import Faults as QueueFaults
from tests.support.world import ORG, POOL, STREAMED_TABLES, World, answer

CAPABILITIES = ("video", "image")
PERMITS = (ConcurrencyLimit("one", 1), ConcurrencyLimit("two", 2))


@dataclass
class Server:
    """A worker as it sees itself: what it was given, and whether the network is there."""

    id: str
    reachable: bool = True
    given: list[tuple[str, int, int]] = field(default_factory=list)  # (task id, epoch, attempt)


class Simulation(Actor):
    """Random operations on one deployment. `run` performs them, `drain` ends them well and checks every promise."""

    def __init__(self, world: World, seed: int, faults: Faults | None = None) -> None:
        super().__init__(world, Random(seed))
        self.sockets = SocketWorkers(world, self.random)
        self.owners = Owners(world, self.random)
        self.people = People(world, self.random)
        self.watchers = Watchers(world, self.random)
        self.servers: dict[str, Server] = {}
        self.acknowledged: set[str] = set()
        self.faults = faults or Faults(Random(seed + 1))
        self._names = 0
        self._most_servers = self.random.choice([0, 1, 3])  # without any, the sockets and those who fetch do it all

    def run(self, operations: int) -> None:
        """Perform so many operations, drawn by weight, with the faults on."""
        names = [name for name, weight in WEIGHTS.items() for _ in range(weight)]
        self.begin()
        with everywhere(self.world, self.faults):
            for _ in range(operations):
                self.act(self.random.choice(names))
                self.step()

    def begin(self) -> None:
        """One worker of each kind, and everybody who watches."""
        self.register()
        self.sockets.register()
        self.owners.register()
        self.people.begin()
        for one in self.watchers.clients:
            self.watchers.connect(one)

    def act(self, name: str) -> None:
        """Do one of `WEIGHTS`."""
        attrgetter(name)(self)()

    def check(self) -> None:
        """What holds at any moment, holds."""
        for invariant in ALWAYS:
            invariant(self.world)

    # clients

    def submit(self, priority: int | None = None, delay: int | None = None, key: str | None = None) -> None:
        asked: dict[str, Any] = {"priority": self.random.randrange(10) if priority is None else priority}
        if self.random.random() < 0.4:
            asked["capabilities"] = (self.random.choice(CAPABILITIES),)
        if self.random.random() < 0.3:
            asked["concurrency_limit"] = self.random.choice(PERMITS)
        if delay or self.random.random() < 0.1:
            asked["run_at"] = self.world.clock.now() + (delay or self.random.randrange(1, 1200)) * 1000
        if key or self.random.random() < 0.2:
            asked["idempotency_key"] = key or f"key-{self.random.randrange(5)}"
            asked = {"priority": 5, "idempotency_key": asked["idempotency_key"]}
        task = self.attempt(lambda: self.world.submit(**asked))
        if task is not None:
            self.acknowledged.add(task.id)

    def cancel(self) -> None:
        if self.acknowledged:
            self.attempt(lambda: lifecycle.cancel(ORG, self._any_task()))

    def replay(self) -> None:
        if self.acknowledged:
            self.attempt(lambda: lifecycle.replay(ORG, self._any_task()))

    def _any_task(self) -> str:
        return self.random.choice(sorted(self.acknowledged))

    # servers

    def register(self) -> None:
        if len(self.servers) >= self._most_servers:
            return
        self._names += 1
        name = f"s{self._names}"
        offered = CAPABILITIES if self._names % 2 else ("video",)
        room, weight = self.random.randrange(1, 4), self.random.randrange(1, 4)
        worker = self.attempt(
            lambda: self.world.register(
                name,
                reply=lambda url, headers, body: self._given(name, url, headers, body),
                max_concurrent=room,
                weight=weight,
                capabilities=offered,
            )
        )
        if worker is not None:
            self.servers[name] = Server(worker.id)

    def _given(self, name: str, url: str, headers: dict[str, str], body: bytes) -> outbound.Response:
        server = self.servers.get(name)
        if server is None or not server.reachable:
            raise outbound.Unreachable("refused")
        if url.endswith("/health"):
            return answer(200)
        said = json.loads(body)
        assert headers["Idempotency-Key"] == f"{said['taskId']}:{said['attempt']}"
        epoch = int(said["callbackUrl"].rpartition("lease=")[2])
        server.given.append((said["taskId"], epoch, said["attempt"]))
        return self._answer(said)

    def _answer(self, said: dict[str, Any]) -> outbound.Response:
        dice = 1.0 if self.quiet else self.random.random()
        if dice < 0.1:
            return answer(429, retry_after=str(self.random.randrange(1, 60)))
        if dice < 0.2:
            return answer(500)
        return answer(200, {"done": said["taskId"]}) if dice < 0.4 else answer(202)

    @staticmethod
    def _last(url: str, _: dict[str, str], body: bytes) -> outbound.Response:
        """The server that ends every run: it can do anything, and does it at once."""
        return answer(200, {"done": json.loads(body)["taskId"]} if body else None)

    def report(self) -> None:
        """A server reports on something it was given, perhaps long ago, perhaps twice."""
        server = self._any_server()
        if server is None or not server.given or not server.reachable:
            return
        task_id, epoch, _ = self.random.choice(server.given[-6:])
        holder = Holder(server.id, epoch)
        dice = self.random.random()
        if dice < 0.6:
            self.attempt(lambda: lifecycle.complete(ORG, POOL, task_id, holder, {"done": task_id}))
        elif dice < 0.8:
            failure = reported_failure("it broke", self.random.random() < 0.8)
            self.attempt(lambda: lifecycle.fail(ORG, task_id, holder, failure))
        else:
            self.attempt(lambda: lifecycle.report_progress(ORG, task_id, holder, self.random.randrange(100)))

    def heartbeat(self) -> None:
        for server in list(self.servers.values()):
            if server.reachable:
                self.attempt(lambda s=server: registry.record_heartbeat(ORG, POOL, s.id, Heartbeat(Health.HEALTHY)))

    def partition(self) -> None:
        if (server := self._any_server()) is not None:
            server.reachable = not server.reachable

    def maintain(self) -> None:
        if (server := self._any_server()) is not None:
            wanted = self.random.random() < 0.5
            self.attempt(lambda: registry.set_maintenance(ORG, POOL, server.id, wanted, None))

    def unregister(self) -> None:
        if len(self.servers) > 1:
            name = self.random.choice(sorted(self.servers))
            if self.attempt(lambda: registry.unregister(ORG, POOL, self.servers[name].id) or True):
                del self.servers[name]

    def _any_server(self) -> Server | None:
        return self.servers[self.random.choice(sorted(self.servers))] if self.servers else None

    # the world itself

    def step(self) -> None:
        """One function of the world that has something to do runs, and may die; time passes while none has."""
        if kinds := self.world.busy():
            kind = self.random.choice(kinds)
            (self._relay if kind in STREAMED_TABLES else self._handle)(kind)
        else:
            self.wait(self.random.choice([5, 11, 31]))

    def _relay(self, table: str) -> None:
        try:
            self.world.relay(table, self.random.randrange(1, 11))
        except Killed:
            return

    def _handle(self, kind: str) -> None:
        try:
            self.world.handle(kind)
        except Killed:
            self.world.return_messages(kind)

    def redeliver(self) -> None:
        """The stream gives some records again."""
        self.world.rewind(self.random.choice(STREAMED_TABLES), self.random.randrange(1, 4))

    def wait(self, seconds: int | None = None) -> None:
        self.world.clock.advance(seconds or self.random.choice([1, 5, 20, 61]))
        self.sweep()

    def sweep(self) -> None:
        try:
            self.world.sweep()
        except (Unavailable, Killed):
            return
        except ExceptionGroup as group:
            _, unexpected = group.split((Unavailable, Conflict))
            if unexpected is not None:
                raise unexpected from None

    def drain(self) -> None:
        """Faults end, everybody comes back, time passes; then every promise must hold and every task have ended."""
        for actor in (self, self.sockets, self.owners, self.people, self.watchers):
            actor.quiet = True
        self.faults = Faults(Random(0))
        self.world.queues.faults = QueueFaults()
        for server in self.servers.values():
            server.reachable = True
            self.attempt(lambda s=server: registry.set_maintenance(ORG, POOL, s.id, False, None))
        last = self.world.register("last", reply=self._last, max_concurrent=9, capabilities=CAPABILITIES)
        for _ in range(60):
            self._calm_minute(last.id)
            if all(task.is_terminal for task in self.world.tasks()):
                break
        self._late_chores()
        self.watchers.finish()
        self._everything_ended()
        self._everything_was_told()
        self.people.everything_arrived()
        for invariant in (*AT_REST, *managed.AT_REST):
            invariant(self.world)

    def _late_chores(self) -> None:
        """What is looked at once more later, is; the minutes until then are not worth simulating."""
        for _ in range(2):
            self.world.clock.advance(SECOND_PASS_DELAY_S)
            self.world.advance(61)

    def _calm_minute(self, last: str) -> None:
        self.heartbeat()
        self.sockets.finish()
        self.owners.finish(last)
        self.people.finish()
        self.world.advance(61)
        for server in self.servers.values():
            for task_id, epoch, _ in server.given[-20:]:
                self.attempt(
                    lambda t=task_id, s=server, e=epoch: lifecycle.complete(ORG, POOL, t, Holder(s.id, e), {"done": t})
                )
        self.world.settle()

    def _everything_ended(self) -> None:
        stored = {task.id: task for task in self.world.tasks()}
        accepted = {*self.acknowledged, *self.owners.manual, *self.owners.performed}
        assert not accepted - stored.keys(), "an accepted task is gone"
        unfinished = [task for task in stored.values() if not task.is_terminal]
        assert not unfinished, f"tasks that never ended: {[(task.id, task.status) for task in unfinished]}"

    def _everything_was_told(self) -> None:
        head = connections.find_head(ORG)
        assert head is not None
        for number, watcher in enumerate(self.watchers.clients):
            assert watcher.seen == list(range(1, head.sequence + 1)), f"watcher {number} missed something"
