"""Servers with every known kind of failure, to test that one good server is enough."""

import json
from collections.abc import Callable
from random import Random

from chalicelib import clock
from chalicelib.domain.tasks.task import Holder
from chalicelib.engine.tasks import lifecycle
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Response, Unreachable
from tests.support.world import ORG, POOL, Reply, World, answer

Kind = Callable[[World], Reply]


def make_raising(reason: outbound.Reason, *, sent: bool | None = None) -> Kind:
    def reply(*_: object) -> Response:
        raise Unreachable(reason, sent=sent)

    return lambda _world: reply


def make_answering(response: Response, health: int = 200) -> Kind:
    return lambda _world: lambda _url, _headers, body: response if body else answer(health)


def make_dying(world: World) -> Reply:
    """It accepts three tasks and then refuses all connections, those of health checks too."""
    accepted: list[bytes] = []

    def reply(_url: str, _headers: dict[str, str], body: bytes) -> Response:
        if len(accepted) == 3 or (accepted and not body):
            raise Unreachable("refused")
        accepted.extend([body] if body else [])
        return answer(202 if body else 200)

    return reply


def make_failing_for_an_hour(world: World) -> Reply:
    started_at = world.clock.now()

    def reply(_url: str, _headers: dict[str, str], body: bytes) -> Response:
        is_well = world.clock.now() - started_at > clock.HOUR
        return answer(200, {"done": True}) if is_well or not body else answer(500)

    return reply


def make_refusing_tasks(_world: World) -> Reply:
    """Its health endpoint answers, and it refuses the connections of handovers."""

    def reply(_url: str, _headers: dict[str, str], body: bytes) -> Response:
        if body:
            raise Unreachable("refused")
        return answer(200)

    return reply


BAD_SERVERS: dict[str, Kind] = {
    "never there": make_raising("refused"),
    "no such host": make_raising("dns"),
    "no TLS": make_raising("tls"),
    "does not connect": make_raising("timed out", sent=False),
    "accepts and dies": make_dying,
    "accepts and is silent": make_answering(answer(202)),
    "hangs": make_raising("timed out", sent=True),
    "cuts off": make_raising("closed"),
    "sends too much": make_raising("too large"),
    "garbage": make_answering(Response(200, {}, b"\x00garbage")),
    "elsewhere": make_answering(answer(302, location="https://elsewhere.example/")),
    "500 for an hour": make_failing_for_an_hour,
    "500, and ill": make_answering(answer(500), health=500),
    "502": make_answering(answer(502)),
    "never has room": make_answering(answer(429, retry_after="99999999999")),
    "out of service": make_answering(answer(503)),
    "well, but refuses tasks": make_refusing_tasks,
}
TAKE_NOTHING = ("never has room", "out of service", "well, but refuses tasks")
"""Kinds that stay online and never take a task, so they fail none either."""


class Fleet:
    """One good server among bad ones."""

    def __init__(self, world: World, random: Random, bad: list[str]) -> None:
        self.world, self.random = world, random
        self.task_seconds = random.choice([0, 1, 7, 40])  # of the good server; 0: it completes within the request
        self.failures_left = 0  # how many more handovers fail at the good server
        self._due: dict[tuple[str, int], int] = {}
        self._names = 0
        self.register(["good", *bad])

    def register(self, kinds: list[str]) -> None:
        """Register servers of these kinds, in random order."""
        for kind in self.random.sample(kinds, len(kinds)):
            self._names += 1
            worker = self.world.register(
                f"s{self._names}",
                self._answer_as_good_server if kind == "good" else BAD_SERVERS[kind](self.world),
                max_concurrent=self.random.randint(1, 4),
                weight=self.random.randint(1, 9),
            )
            if kind == "good":
                self.good = worker

    def _answer_as_good_server(self, _url: str, _headers: dict[str, str], body: bytes) -> Response:
        if not body:
            return answer(200)
        if self.failures_left:
            self.failures_left -= 1
            return answer(500)
        task = json.loads(body)
        if not self.task_seconds:
            return answer(200, {"done": task["taskId"]})
        epoch = int(task["callbackUrl"].rpartition("lease=")[2])
        self._due[task["taskId"], epoch] = self.world.clock.now() + self.task_seconds * clock.SECOND
        return answer(202)

    def complete_due_tasks(self) -> None:
        """The good server completes the tasks that are due by now."""
        for (task_id, epoch), at in list(self._due.items()):
            if at <= self.world.clock.now():
                del self._due[task_id, epoch]
                lifecycle.complete(ORG, POOL, task_id, Holder(self.good.id, epoch), {"done": task_id})

    def run(self, seconds: int) -> None:
        """Let time pass until every task has ended or `seconds` are over. The steps grow from one second to 15."""
        end = self.world.clock.now() + seconds * clock.SECOND
        step = 1
        while self.world.clock.now() < end and not all(task.is_terminal for task in self.world.tasks()):
            self.world.advance(step)
            self.complete_due_tasks()
            self.world.settle()
            step = min(15, step + 1)
