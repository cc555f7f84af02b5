"""Faults between the code and AWS: calls fail before or after they take effect, connections end while a frame is sent
over them, and functions die."""

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
READS = frozenset(
    {"GetItem", "BatchGetItem", "TransactGetItems", "Query", "GetQueueUrl", "GetQueueAttributes", "GET", "HEAD"}
)


class Killed(BaseException):
    """The function dies here. It is not an Exception, so that nothing catches it."""


@dataclass
class Faults:
    """Probabilities in [0, 1], for each call."""

    random: Random
    fail: float = 0.0  # throttled or unreachable: not applied
    unknown: float = 0.0  # applied, but the caller gets an error
    repeat: float = 0.0  # applied, the answer is lost, and the AWS client's own retry applies it again
    kill: float = 0.0  # the function dies before or after the call
    gone: float = 0.0  # for each frame: its connection has ended

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
    """The connections, with the interference in each call."""

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
    """The queues, with the interference in each call."""

    inner: FakeQueues
    interference: Interference

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        if messages:
            self.interference(SEND, lambda: self.inner.send(queue, messages))


@contextmanager
def interfering_everywhere(world: World, interference: Interference) -> Iterator[None]:
    """Route all calls to tables, queues and connections through `interference`."""
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
    """Kill the process at the point of this number, from 0. There is a point before each call, except before a read
    that follows a read: a death there leaves the same state as one before the first read."""
    before, call_count = "", 0

    def die(call: Call, send: Callable[[], Any]) -> Any:
        nonlocal before, call_count
        if not {before, call[1]} <= READS:
            call_count += 1
            if call_count - 1 == number:
                raise Killed
        before = call[1]
        return send()

    with interfering_everywhere(world, die):
        yield


@contextmanager
def dying_before(world: World, number: int) -> Iterator[None]:
    """Kill the process before the call of this number, from 0."""
    call_count = [0]

    def die(_: Call, send: Callable[[], Any]) -> Any:
        call_count[0] += 1
        if call_count[0] - 1 == number:
            raise Killed
        return send()

    with interfering_everywhere(world, die):
        yield


def dies_before(world: World, act: Callable[[], object], number: int) -> bool:
    """Act, and be killed before the call of this number, from 0. Returns whether there were so many calls."""
    with dying_before(world, number):
        try:
            act()
        except Killed:
            return True
    return False
