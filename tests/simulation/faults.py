"""What goes wrong between the code and AWS: calls fail before or after they took effect, connections end at the very
moment at which something is sent over them, and functions die."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from chalicelib.errors import Unavailable
from chalicelib.storage import sockets
from tests.support import aws
from tests.support.aws import Call, Interference
from tests.support.sockets import FakeSockets
from tests.support.world import World

POST: Call = ("ApiGateway", "PostToConnection")
CLOSE: Call = ("ApiGateway", "DeleteConnection")


class Killed(BaseException):
    """The function died here. Not an Exception: nothing may catch it."""


@dataclass
class Faults:
    """Chances in [0, 1], for each call."""

    random: Random
    fail: float = 0.0  # throttled, or not reached: nothing applied
    unknown: float = 0.0  # applied, but the caller is told that it failed
    repeat: float = 0.0  # applied, the answer lost, and applied again by the client's own retry
    kill: float = 0.0  # the function dies before or after the call
    gone: float = 0.0  # for each frame: its connection has just ended

    def __call__(self, _: Call, send: Callable[[], Any]) -> Any:
        dice = self.random.random()
        for chance, fault in ((self.fail, self._fail), (self.unknown, self._unknown), (self.repeat, self._repeat)):
            if dice < chance:
                return fault(send)
            dice -= chance
        return self._kill(send) if dice < self.kill else send()

    def _fail(self, _: Callable[[], Any]) -> Any:
        raise Unavailable("throttled")

    def _unknown(self, send: Callable[[], Any]) -> Any:
        send()
        raise Unavailable("the answer was lost")

    def _repeat(self, send: Callable[[], Any]) -> Any:
        send()
        return send()

    def _kill(self, send: Callable[[], Any]) -> Any:
        if self.random.random() < 0.5:
            send()
        raise Killed


@dataclass
class _Sockets:
    """The way to the connections, with the interference in between."""

    inner: FakeSockets
    interference: Interference

    def post(self, connection_id: str, text: str) -> None:
        if isinstance(self.interference, Faults) and self.interference.random.random() < self.interference.gone:
            self.inner.drop(connection_id)
        self.interference(POST, lambda: self.inner.post(connection_id, text))

    def close(self, connection_id: str) -> None:
        self.interference(CLOSE, lambda: self.inner.close(connection_id))


@contextmanager
def everywhere(house: World, interference: Interference) -> Iterator[None]:
    """Let `interference` stand between the code and all that it calls: AWS's services, and the connections."""
    sockets.use(_Sockets(house.sockets, interference))
    try:
        with aws.interfering(interference):
            yield
    finally:
        sockets.use(house.sockets)


@contextmanager
def dying_at(house: World, number: int, *, after: bool) -> Iterator[list[int]]:
    """The process dies at the call of this number (from 0), before or after it took effect. Yields [calls seen]."""
    seen = [0]

    def die(_: Call, send: Callable[[], Any]) -> Any:
        seen[0] += 1
        if seen[0] - 1 != number:
            return send()
        if after:
            send()
        raise Killed

    with everywhere(house, die):
        yield seen
