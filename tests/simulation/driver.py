"""Random operations of workers and clients, with faults: for the state machine, the seeded runs and `make soak`."""

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
from tests.simulation.faults import Faults, Killed, interfering_everywhere
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
    """A worker's own state: the handovers that it received, and whether the network reaches it."""

    id: str
    reachable: bool = True
    received: list[tuple[str, int, int]] = field(default_factory=list)  # (task id, epoch, attempt)


class Simulation(Actor):
    """Random operations on one deployment. `run` performs them. `drain` ends all faults and checks every invariant."""

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
        self._most_servers = self.random.choice([0, 1, 3])  # with 0, only workers on sockets and pullers do the tasks

    def run(self, operations: int) -> None:
        """Perform so many operations, drawn by weight, with the faults switched on."""
        names = [name for name, weight in WEIGHTS.items() for _ in range(weight)]
        self.begin()
        with interfering_everywhere(self.world, self.faults):
            for _ in range(operations):
                self.act(self.random.choice(names))
                self.step()

    def begin(self) -> None:
        """Register one worker of each kind and connect the watchers."""
        self.register()
        self.sockets.register()
        self.owners.register()
        self.people.begin()
        for one in self.watchers.clients:
            self.watchers.connect(one)

    def act(self, name: str) -> None:
        """Perform one operation of `WEIGHTS`, by its name."""
        attrgetter(name)(self)()

    def check(self) -> None:
        """Check the invariants that hold at any moment."""
        for invariant in ALWAYS:
            invariant(self.world)

    # clients

    def submit(self, priority: int | None = None, delay: int | None = None, key: str | None = None) -> None:
        fields: dict[str, Any] = {"priority": self.random.randrange(10) if priority is None else priority}
        if self.random.random() < 0.4:
            fields["capabilities"] = (self.random.choice(CAPABILITIES),)
        if self.random.random() < 0.3:
            fields["concurrency_limit"] = self.random.choice(PERMITS)
        if delay or self.random.random() < 0.1:
            fields["run_at"] = self.world.clock.now() + (delay or self.random.randrange(1, 1200)) * 1000
        if key or self.random.random() < 0.2:
            fields["idempotency_key"] = key or f"key-{self.random.randrange(5)}"
            fields = {"priority": 5, "idempotency_key": fields["idempotency_key"]}
        task = self.attempt(lambda: self.world.submit(**fields))
        if task is not None:
            self.acknowledged.add(task.id)

    def cancel(self) -> None:
        if self.acknowledged:
            self.attempt(lambda: lifecycle.cancel(ORG, self._choose_task()))

    def replay(self) -> None:
        if self.acknowledged:
            self.attempt(lambda: lifecycle.replay(ORG, self._choose_task()))

    def _choose_task(self) -> str:
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
                reply=lambda url, headers, body: self._receive(name, url, headers, body),
                max_concurrent=room,
                weight=weight,
                capabilities=offered,
            )
        )
        if worker is not None:
            self.servers[name] = Server(worker.id)

    def _receive(self, name: str, url: str, headers: dict[str, str], body: bytes) -> outbound.Response:
        server = self.servers.get(name)
        if server is None or not server.reachable:
            raise outbound.Unreachable("refused")
        if url.endswith("/health"):
            return answer(200)
        handover = json.loads(body)
        assert headers["Idempotency-Key"] == f"{handover['taskId']}:{handover['attempt']}"
        epoch = int(handover["callbackUrl"].rpartition("lease=")[2])
        server.received.append((handover["taskId"], epoch, handover["attempt"]))
        return self._answer(handover)

    def _answer(self, handover: dict[str, Any]) -> outbound.Response:
        dice = 1.0 if self.quiet else self.random.random()
        if dice < 0.1:
            return answer(429, retry_after=str(self.random.randrange(1, 60)))
        if dice < 0.2:
            return answer(500)
        return answer(200, {"done": handover["taskId"]}) if dice < 0.4 else answer(202)

    @staticmethod
    def _answer_as_last_server(url: str, _: dict[str, str], body: bytes) -> outbound.Response:
        """Answer for the server that is registered at the end of a run. It completes every task at once."""
        return answer(200, {"done": json.loads(body)["taskId"]} if body else None)

    def report(self) -> None:
        """A server reports on a task that it received, perhaps late, perhaps twice."""
        server = self._choose_server()
        if server is None or not server.received or not server.reachable:
            return
        task_id, epoch, _ = self.random.choice(server.received[-6:])
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
        if (server := self._choose_server()) is not None:
            server.reachable = not server.reachable

    def maintain(self) -> None:
        if (server := self._choose_server()) is not None:
            maintenance = self.random.random() < 0.5
            self.attempt(lambda: registry.set_maintenance(ORG, POOL, server.id, maintenance, None))

    def unregister(self) -> None:
        if len(self.servers) > 1:
            name = self.random.choice(sorted(self.servers))
            if self.attempt(lambda: registry.unregister(ORG, POOL, self.servers[name].id) or True):
                del self.servers[name]

    def _choose_server(self) -> Server | None:
        return self.servers[self.random.choice(sorted(self.servers))] if self.servers else None

    # the deployment itself

    def step(self) -> None:
        """Run one function that has messages or changes; it may die. If none has, let some seconds pass."""
        if kinds := self.world.list_unfinished():
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
        """Let a stream deliver some records again."""
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
        """End all faults, bring every server back and let time pass. Then check that every task has ended, and every
        invariant."""
        for actor in (self, self.sockets, self.owners, self.people, self.watchers):
            actor.quiet = True
        self.faults = Faults(Random(0))
        self.world.queues.faults = QueueFaults()
        for server in self.servers.values():
            server.reachable = True
            self.attempt(lambda s=server: registry.set_maintenance(ORG, POOL, s.id, False, None))
        last = self.world.register(
            "last", reply=self._answer_as_last_server, max_concurrent=9, capabilities=CAPABILITIES
        )
        for _ in range(60):
            self._finish_minute(last.id)
            if all(task.is_terminal for task in self.world.tasks()):
                break
        self._run_late_jobs()
        self.watchers.finish()
        self._require_all_ended()
        self._require_watchers_complete()
        self.people.require_deliveries_arrived()
        for invariant in (*AT_REST, *managed.AT_REST):
            invariant(self.world)

    def _run_late_jobs(self) -> None:
        """Run the jobs that check a second time later, without simulating the minutes until then."""
        for _ in range(2):
            self.world.clock.advance(SECOND_PASS_DELAY_S)
            self.world.advance(61)

    def _finish_minute(self, last: str) -> None:
        self.heartbeat()
        self.sockets.finish()
        self.owners.finish(last)
        self.people.finish()
        self.world.advance(61)
        for server in self.servers.values():
            for task_id, epoch, _ in server.received[-20:]:
                self.attempt(
                    lambda t=task_id, s=server, e=epoch: lifecycle.complete(ORG, POOL, t, Holder(s.id, e), {"done": t})
                )
        self.world.settle()

    def _require_all_ended(self) -> None:
        stored = {task.id: task for task in self.world.tasks()}
        accepted = {*self.acknowledged, *self.owners.manual, *self.owners.performed, *self.owners.executions}
        assert not accepted - stored.keys(), "an accepted task is missing"
        unfinished = [task for task in stored.values() if not task.is_terminal]
        assert not unfinished, f"tasks that never ended: {[(task.id, task.status) for task in unfinished]}"

    def _require_watchers_complete(self) -> None:
        head = connections.find_head(ORG)
        assert head is not None
        for number, watcher in enumerate(self.watchers.clients):
            assert watcher.sequences == list(range(1, head.sequence + 1)), f"watcher {number} missed something"
