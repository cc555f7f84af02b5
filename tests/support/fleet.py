"""The deployment's functions as AWS runs them: in parallel, with the concurrency of infra/engine.py or a share of it.

Each call to a table or queue takes time. The sweep runs each minute.
"""

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
from tests.support.world import HANDLED_QUEUES, STREAMED_TABLES, World, new_world, relay_records

THREADED_MODULES = (handovers, run_all, task_feed, notification_sender, webhook_sender)
"""Modules that start threads."""
RECORDS = 100
"""How many records of a stream a relay receives at once."""
SHARDS = 4
"""Shards of a table's stream: a table that is paid by request begins with four partitions. Each shard has a relay."""
HASH_KEYS = {"tasks": "id", "workers": "org_pool", "documents": "shelf"}
FOREVER = 10**15
TRIGGERS = {name: function.trigger for name, function in consumers().items() if isinstance(function.trigger, Queue)}


@dataclass
class _PacedQueues:
    """The queues. Sending up to ten messages takes as long as one call."""

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
        for _ in range(relay_records(self.table, batch)):
            self.records.popleft()


@dataclass
class _Stream:
    """The changes of a table, divided into shards."""

    table: str
    _relayed_count: int = 0
    _shards: list[_Shard] = field(init=False)

    def __post_init__(self) -> None:
        self._shards = [_Shard(self.table, f"{self.table} {number}") for number in range(SHARDS)]

    def shards(self) -> list[_Shard]:
        """The shards with all changes that are not relayed yet."""
        fresh = aws.stream_records(getattr(settings(), f"{self.table}_table"), self._relayed_count)
        self._relayed_count += len(fresh)
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
    """The share of each function's concurrency that the deployment has, 0-1."""
    lost: frozenset[str] = frozenset()
    """Functions whose messages are all lost."""
    hanging: set[str] = field(default_factory=set)
    """Hosts that take every request and never answer."""
    _streams: dict[str, _Stream] = field(default_factory=lambda: {table: _Stream(table) for table in STREAMED_TABLES})
    _busy: Counter[str] = field(default_factory=Counter)
    _polled: int = 0

    @property
    def poll_ms(self) -> int:
        """How long it takes until a function starts for a new message or change."""
        return max(20, round(self.call_seconds * clock.SECOND))

    def call(self) -> None:
        """Let the time of a call to AWS pass."""
        self.timeline.pause(self.call_seconds)

    def send(self, method: str, url: str, *, timeout: float = 10.0, **arguments: Any) -> outbound.Response:
        """Send a request to a host outside the deployment."""
        if url.removeprefix("https://").partition("/")[0] in self.hanging:
            self.timeline.pause(timeout)
            raise outbound.Unreachable("timed out", "no answer came in time", sent=True)
        self.timeline.pause(0.02)
        return self.world.send(method, url, **arguments)

    def happen(self, work: Callable[[], object]) -> None:
        """Run an action of somebody outside the deployment in parallel with the functions."""
        self.timeline.start(Run(work))

    def run(self, seconds: float, each_second: Callable[[], object] = lambda: None) -> None:
        """Let so many seconds pass and run everything that is due meanwhile."""
        end = self.timeline.now() + round(seconds * clock.SECOND)
        second = self.timeline.now()
        while self.timeline.now() < end:
            if self.timeline.now() >= second:
                each_second()
                second += clock.SECOND
            self._poll()
            self._continue_until(min(end, second))

    def _continue_until(self, end: int) -> None:
        at = self.timeline.next_at
        if at is not None and at <= end:
            self.timeline.resume_next()
        else:
            self.timeline.rest_until(min(end, self.timeline.now() + self.poll_ms))

    def _poll(self) -> None:
        """Start every function that has messages or changes and free concurrency."""
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
        # The number of a sweep's parts does not depend on the deployment's size.
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
    """A new deployment whose functions run in parallel."""
    with new_world(seed) as world, ExitStack() as stack:
        timeline = Timeline(world.clock.now())
        world.clock = timeline
        fleet = Fleet(world, timeline, call_seconds, share, lost)
        before = clock.use(timeline)
        stack.callback(clock.use, before)
        sqs.use_queues(_PacedQueues(world.queues, fleet.call))
        sender = outbound.use_sender(fleet.send)
        stack.callback(outbound.use_sender, sender)
        stack.enter_context(aws.pacing(fleet.call))
        for module in THREADED_MODULES:
            stack.enter_context(patch.object(module, "ThreadPoolExecutor", executor(timeline)))
        yield fleet
