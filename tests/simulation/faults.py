"""What goes wrong between the code and AWS: calls fail before or after they took effect, connections end at the very
moment at which something is sent over them, and functions die."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from chalicelib.errors import Unavailable
from chalicelib.storage.aws import sqs, websocket_api
from chalicelib.storage.aws.sqs import Message
from tests.support import aws
from tests.support.aws import Call, Interference
from tests.support.queues import FakeQueues
from tests.support.sockets import FakeSockets
from tests.support.world import World

POST: Call = ("ApiGateway", "PostToConnection")
SEND: Call = ("SQS", "SendMessageBatch")
CLOSE: Call = ("ApiGateway", "DeleteConnection")
READS = frozenset({"GetItem", "BatchGetItem", "Query", "GetQueueUrl", "GetQueueAttributes", "GET", "HEAD"})


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


@dataclass
class _Queues:
    """The way to the queues, likewise."""

    inner: FakeQueues
    interference: Interference

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        if messages:
            self.interference(SEND, lambda: self.inner.send(queue, messages))


@contextmanager
def everywhere(world: World, interference: Interference) -> Iterator[None]:
    """Let `interference` stand between the code and all that it calls: tables, queues and connections."""
    websocket_api.use_sockets(_Sockets(world.sockets, interference))
    sqs.use_queues(_Queues(world.queues, interference))
    try:
        with aws.interfering(interference):
            yield
    finally:
        websocket_api.use_sockets(world.sockets)
        sqs.use_queues(world.queues)


@contextmanager
def dying_anywhere(world: World, number: int) -> Iterator[None]:
    """The process dies at the point of this number, from 0: before any call but a reading that follows another, since
    a death between two leaves what a death before the first leaves."""
    before, seen = "", 0

    def die(call: Call, send: Callable[[], Any]) -> Any:
        nonlocal before, seen
        if not {before, call[1]} <= READS:
            seen += 1
            if seen - 1 == number:
                raise Killed
        before = call[1]
        return send()

    with everywhere(world, die):
        yield


@contextmanager
def dying_before(world: World, number: int) -> Iterator[None]:
    """The process dies before the call of this number, from 0. After one call is before the next."""
    seen = [0]

    def die(_: Call, send: Callable[[], Any]) -> Any:
        seen[0] += 1
        if seen[0] - 1 == number:
            raise Killed
        return send()

    with everywhere(world, die):
        yield
