"""The deployment's functions as AWS runs them: in parallel, with the concurrency of infra/engine.py or a share of it.
Each call to a table or queue takes time. The sweep runs each minute."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any
from unittest.mock import patch
from zlib import crc32

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.engine.changes import run_all
from chalicelib.engine.dispatch import handovers
from chalicelib.engine.live import task_feed
from chalicelib.engine.messaging import notification_sender
from chalicelib.engine.webhooks import webhook_sender
from chalicelib.functions import schedules
from chalicelib.providers.http import outbound
from chalicelib.storage.aws import sqs
from chalicelib.storage.aws.sqs import Message
from infra.bundles import consumers
from infra.functions import Queue
from tests.support import aws
from tests.support.queues import FakeQueues, QueuedMessage
from tests.support.timeline import Run, Timeline, executor
from tests.support.world import HANDLED_QUEUES, STREAMED_TABLES, World, new_world, relayed

THREADED_MODULES = (handovers, run_all, task_feed, notification_sender, webhook_sender)
"""Modules that start threads."""
RECORDS = 100
"""Of a stream that a relay takes at once."""
SHARDS = 4
"""Of a table's stream: a table that is paid by request begins with four partitions, and each relay takes one shard."""
HASH_KEYS = {"tasks": "id", "workers": "org_pool", "documents": "shelf"}
FOREVER = 10**15
TRIGGERS = {name: function.trigger for name, function in consumers().items() if isinstance(function.trigger, Queue)}


@dataclass
class _Paced:
    """The queues, where sending ten messages takes as long as a call."""

    inner: FakeQueues
    pause: Callable[[], None]

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), sqs.BATCH_SIZE):
            self.pause()
            self.inner.send(queue, messages[start : start + sqs.BATCH_SIZE])

    def depth(self, queue: str) -> int:
        self.pause()
        return self.inner.depth(queue)


@dataclass
class _Shard:
    """A part of a table's stream: the changes of some of its partition keys, in order."""

    table: str
    name: str
    records: deque[dict[str, Any]] = field(default_factory=deque)

    def relay(self) -> None:
        """Have the relay handle the oldest changes."""
        batch = list(islice(self.records, RECORDS))
        for _ in range(relayed(self.table, batch)):
            self.records.popleft()


@dataclass
class _Stream:
    """The changes of a table, in its shards."""

    table: str
    _taken: int = 0
    _shards: list[_Shard] = field(init=False)

    def __post_init__(self) -> None:
        self._shards = [_Shard(self.table, f"{self.table} {number}") for number in range(SHARDS)]

    def shards(self) -> list[_Shard]:
        """The shards with all changes so far that were not relayed yet."""
        fresh = aws.stream_records(getattr(settings(), f"{self.table}_table"), self._taken)
        self._taken += len(fresh)
        for record in fresh:
            key = record["dynamodb"]["Keys"][HASH_KEYS[self.table]]["S"]
            self._shards[crc32(key.encode()) % SHARDS].records.append(record)
        return self._shards


@dataclass
class Fleet:
    """The functions of one deployment."""

    world: World
    timeline: Timeline
    call_seconds: float
    share: float
    """Which share of each function's concurrency there is, 0-1."""
    lost: frozenset[str] = frozenset()
    """Functions whose messages are all lost."""
    hanging: set[str] = field(default_factory=set)
    """Hosts that take every request and never answer."""
    _streams: dict[str, _Stream] = field(default_factory=lambda: {table: _Stream(table) for table in STREAMED_TABLES})
    _busy: Counter[str] = field(default_factory=Counter)
    _polled: int = 0

    @property
    def poll_ms(self) -> int:
        """How long it takes until a function starts for what has come."""
        return max(20, round(self.call_seconds * clock.SECOND))

    def call(self) -> None:
        """A call to AWS, which takes its time."""
        self.timeline.pause(self.call_seconds)

    def send(self, method: str, url: str, *, timeout: float = 10.0, **said: Any) -> outbound.Response:
        """A request to the world outside."""
        if url.removeprefix("https://").partition("/")[0] in self.hanging:
            self.timeline.pause(timeout)
            raise outbound.Unreachable("timed out", "no answer came in time", sent=True)
        self.timeline.pause(0.02)
        return self.world.send(method, url, **said)

    def happen(self, work: Callable[[], object]) -> None:
        """Somebody outside does something, which takes time as what functions do."""
        self.timeline.start(Run(work))

    def run(self, seconds: float, each_second: Callable[[], object] = lambda: None) -> None:
        """Let so much time pass, with everything that happens in it."""
        end = self.timeline.now() + round(seconds * clock.SECOND)
        second = self.timeline.now()
        while self.timeline.now() < end:
            if self.timeline.now() >= second:
                each_second()
                second += clock.SECOND
            self._poll()
            self._go_on(min(end, second))

    def _go_on(self, end: int) -> None:
        at = self.timeline.next_at
        if at is not None and at <= end:
            self.timeline.resume_next()
        else:
            self.timeline.rest_until(min(end, self.timeline.now() + self.poll_ms))

    def _poll(self) -> None:
        """Start every function that has something to do and may run once more."""
        now = self.timeline.now()
        if now < self._polled + self.poll_ms:
            return
        self._polled = now
        self._sweep(now)
        for table in STREAMED_TABLES:
            for shard in self._streams[table].shards():
                if shard.records and not self._busy[shard.name]:
                    self._start(shard.name, shard.relay)
        for kind in HANDLED_QUEUES:
            self._take(kind)

    def _sweep(self, now: int) -> None:
        if now // clock.MINUTE > self.world.swept_minute:
            self.world.swept_minute = now // clock.MINUTE
            self._start("wake", schedules.handle_sweep)

    def _take(self, kind: str) -> None:
        trigger, queue = TRIGGERS[f"{kind}_queue"], getattr(settings(), f"{kind}_queue")
        if kind in self.lost:
            self.world.queues.queues.pop(queue, None)
        # A sweep has as many parts at any size.
        most = trigger.concurrency if kind == "sweeps" else max(2, round(trigger.concurrency * self.share))
        while self._busy[kind] < most and (batch := self.world.queues.receive(queue, trigger.batch)):
            for held in batch:
                held.visible_at = FOREVER
            self._start(kind, partial(self._handle, kind, batch))

    def _handle(self, kind: str, batch: list[QueuedMessage]) -> None:
        self.world.run(kind, batch)

    def _start(self, name: str, work: Callable[[], object]) -> None:
        self._busy[name] += 1
        self.timeline.start(Run(work, lambda: self._finish(name)))

    def _finish(self, name: str) -> None:
        self._busy[name] -= 1


@contextmanager
def fleet(
    seed: int = 0, call_seconds: float = 0.008, share: float = 1.0, lost: frozenset[str] = frozenset()
) -> Iterator[Fleet]:
    """A fresh deployment whose functions run at once."""
    with new_world(seed) as world, ExitStack() as stack:
        timeline = Timeline(world.clock.now())
        world.clock = timeline
        made = Fleet(world, timeline, call_seconds, share, lost)
        before = clock.use(timeline)
        stack.callback(clock.use, before)
        sqs.use_queues(_Paced(world.queues, made.call))
        sender = outbound.use_sender(made.send)
        stack.callback(outbound.use_sender, sender)
        stack.enter_context(aws.pacing(made.call))
        for module in THREADED_MODULES:
            stack.enter_context(patch.object(module, "ThreadPoolExecutor", executor(timeline)))
        yield made
