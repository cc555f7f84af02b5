"""Servers that are bad in every way that was ever seen, for the promise that one good server is enough."""

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


def raising(reason: outbound.Reason, *, sent: bool | None = None) -> Kind:
    def reply(*_: object) -> Response:
        raise Unreachable(reason, sent=sent)

    return lambda _world: reply


def answering(found: Response, health: int = 200) -> Kind:
    return lambda _world: lambda _url, _headers, body: found if body else answer(health)


def dying(world: World) -> Reply:
    """It accepts the first few tasks and then is gone, health and all."""
    given: list[bytes] = []

    def reply(_url: str, _headers: dict[str, str], body: bytes) -> Response:
        if len(given) == 3 or (given and not body):
            raise Unreachable("refused")
        given.extend([body] if body else [])
        return answer(202 if body else 200)

    return reply


def failing_for_an_hour(world: World) -> Reply:
    begun = world.clock.now()

    def reply(_url: str, _headers: dict[str, str], body: bytes) -> Response:
        well = world.clock.now() - begun > clock.HOUR
        return answer(200, {"done": True}) if well or not body else answer(500)

    return reply


def lying(_world: World) -> Reply:
    """Its health is well, and nothing listens where its tasks go."""

    def reply(_url: str, _headers: dict[str, str], body: bytes) -> Response:
        if body:
            raise Unreachable("refused")
        return answer(200)

    return reply


BAD: dict[str, Kind] = {
    "never there": raising("refused"),
    "no such host": raising("dns"),
    "no TLS": raising("tls"),
    "does not connect": raising("timed out", sent=False),
    "accepts and dies": dying,
    "accepts and is silent": answering(answer(202)),
    "hangs": raising("timed out", sent=True),
    "cuts off": raising("closed"),
    "sends too much": raising("too large"),
    "garbage": answering(Response(200, {}, b"\x00garbage")),
    "elsewhere": answering(answer(302, location="https://elsewhere.example/")),
    "500 for an hour": failing_for_an_hour,
    "500, and ill": answering(answer(500), health=500),
    "502": answering(answer(502)),
    "never has room": answering(answer(429, retry_after="99999999999")),
    "out of service": answering(answer(503)),
    "well, but refuses tasks": lying,
}
TAKE_NOTHING = ("never has room", "out of service", "well, but refuses tasks")
"""Those that stay online and never take a task: they never fail one either."""


class Fleet:
    """One good server among bad ones."""

    def __init__(self, world: World, random: Random, bad: list[str]) -> None:
        self.world, self.random = world, random
        self.takes = random.choice([0, 1, 7, 40])  # seconds for a task; 0: within the request
        self.stumbles = 0  # so many hand-overs more fail at the good server
        self._due: dict[tuple[str, int], int] = {}
        self._names = 0
        self.join(["good", *bad])

    def join(self, kinds: list[str]) -> None:
        """Servers of these kinds are registered, in any order."""
        for kind in self.random.sample(kinds, len(kinds)):
            self._names += 1
            worker = self.world.register(
                f"s{self._names}",
                self._good if kind == "good" else BAD[kind](self.world),
                max_concurrent=self.random.randint(1, 4),
                weight=self.random.randint(1, 9),
            )
            if kind == "good":
                self.good = worker

    def _good(self, _url: str, _headers: dict[str, str], body: bytes) -> Response:
        if not body:
            return answer(200)
        if self.stumbles:
            self.stumbles -= 1
            return answer(500)
        given = json.loads(body)
        if not self.takes:
            return answer(200, {"done": given["taskId"]})
        epoch = int(given["callbackUrl"].rpartition("lease=")[2])
        self._due[given["taskId"], epoch] = self.world.clock.now() + self.takes * clock.SECOND
        return answer(202)

    def work(self) -> None:
        """The good server completes what is done by now."""
        for (task_id, epoch), at in list(self._due.items()):
            if at <= self.world.clock.now():
                del self._due[task_id, epoch]
                lifecycle.complete(ORG, POOL, task_id, Holder(self.good.id, epoch), {"done": task_id})

    def run(self, seconds: int) -> None:
        """Time passes, first in seconds, later in larger steps, until every task has ended."""
        end = self.world.clock.now() + seconds * clock.SECOND
        step = 1
        while self.world.clock.now() < end and not all(task.is_terminal for task in self.world.tasks()):
            self.world.advance(step)
            self.work()
            self.world.settle()
            step = min(15, step + 1)
