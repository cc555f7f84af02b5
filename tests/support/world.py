"""A whole deployment in one thread: tables on moto, queues in memory, fake servers, a manual clock and seeded ids.

`settle()` handles all changes and messages that are there now; `advance()` moves the clock, with a sweep each minute.
"""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any

from chalicelib import clock, config, ids
from chalicelib.apis.event_payloads import may_see, payload_builders
from chalicelib.config import settings
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.worker import Pool, Worker
from chalicelib.engine import ttl_cache
from chalicelib.engine.accounts import token_accounts
from chalicelib.engine.live.task_feed import FrameBuilders
from chalicelib.engine.statistics import activity_log, request_counts
from chalicelib.engine.tasks import lifecycle as tasks
from chalicelib.engine.tasks import submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.workers import registration
from chalicelib.engine.workers.registration import Registration
from chalicelib.errors import Conflict, Unavailable
from chalicelib.functions import queues as queue_functions
from chalicelib.functions import schedules, streams
from chalicelib.providers.http import outbound
from chalicelib.providers.recognition import service as recognition_service
from chalicelib.storage.aws import sqs as queue_storage
from chalicelib.storage.aws import websocket_api as sockets
from chalicelib.storage.statistics import counters as stats
from chalicelib.storage.statistics import event_log
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.workers import pools as pool_storage
from chalicelib.storage.workers import table as worker_table
from chalicelib.storage.workers import workers as worker_storage
from infra.bundles import consumers
from infra.functions import Queue
from tests.support import aws, model_servers
from tests.support.model_servers import ModelServer
from tests.support.queues import FakeQueues, QueuedMessage
from tests.support.sockets import FakeSockets

START = 1_767_268_800_000  # 2026-01-01T12:00:00Z
START_MINUTE = START // clock.MINUTE
ORG, POOL = "acme", "processing"
WATCH = "test.watch"
FRAME_BUILDERS: Any = {
    WATCH: SimpleNamespace(
        update=lambda number, changes: {"sequence": number, **changes},
        reset=lambda number: {"reset": number},
        watching=lambda number: {"watching": number},
    )
}
"""The frame builder of a channel that only tests use. It sends updates unchanged."""
HANDLED_QUEUES = (
    "dispatch",
    "deliver",
    "perform",
    "recognize",
    "models",
    "wakeups",
    "sweeps",
    "live",
    "announce",
    "webhooks",
    "notifications",
)
"""The queues, by the names of their functions."""
BATCH_SIZES = {
    setting.removesuffix("_queue"): function.trigger.batch
    for setting, function in consumers().items()
    if isinstance(function.trigger, Queue)
}
"""How many messages of each queue its function receives at once."""
MAX_SWEEP_PARTS = 20
"""The most parts that one sweep has in a test."""
STREAMED_TABLES = ("tasks", "workers", "documents")
"""The tables whose changes are relayed."""
Reply = Callable[[str, dict[str, str], bytes], outbound.Response]


def answer(status: int = 202, body: Any = None, **headers: str) -> outbound.Response:
    """A fake server's response."""
    text = b"" if body is None else json.dumps(body).encode()
    return outbound.Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, text)


@dataclass
class World:
    """One deployment."""

    clock: clock.ManualClock
    queues: FakeQueues
    sockets: FakeSockets
    random: Random
    servers: dict[str, Reply] = field(default_factory=dict)  # by host
    model_servers: dict[str, ModelServer] = field(default_factory=dict)  # by host
    calls: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    frame_builders: FrameBuilders = field(default_factory=lambda: FRAME_BUILDERS)
    _read: dict[str, int] = field(default_factory=dict)
    _received: dict[str, list[QueuedMessage]] = field(default_factory=dict)
    swept_minute: int = START_MINUTE

    def submit(self, **changes: Any) -> Task:
        org = changes.pop("org", ORG)
        fields: dict[str, Any] = {"pool": POOL, "type": "t", "priority": 5} | changes
        return submission.submit(org, "dev", Submission(**fields))

    def register(self, name: str = "one", reply: Reply | outbound.Response | None = None, **changes: Any) -> Worker:
        """Register a server at https://<name>.example. By default it accepts every task and reports nothing."""
        server_reply = reply if reply is not None else answer(202)
        self.servers[f"{name}.example"] = server_reply if callable(server_reply) else lambda *_: server_reply
        endpoints = {"predict": f"https://{name}.example/predict", "health": f"https://{name}.example/health"}
        base: dict[str, Any] = {
            "pool": POOL,
            "id_prefix": "server",
            "name": name,
            "max_concurrent": 1,
            "endpoints": endpoints,
        }
        callback = "/api/task/{task_id}?serverId={worker_id}&lease={lease}"
        base |= {"endpoints": endpoints, "api_key": f"key-{name}", "callback_path": callback}
        return registration.register(changes.pop("org", ORG), Registration(**(base | changes)))

    def task(self, task_id: str) -> Task:
        return tasks.get(ORG, task_id)

    def worker(self, worker_id: str) -> Worker:
        worker = worker_storage.find(ORG, POOL, worker_id)
        assert worker is not None
        return worker

    def send(self, method: str, url: str, *, headers: Any, body: bytes, **_: Any) -> outbound.Response:
        host = url.removeprefix("https://").partition("/")[0]
        self.calls.append((method, url, dict(headers), body))
        reply = self.servers.get(host)
        if reply is None:
            raise outbound.Unreachable("refused", "the host refused the connection")
        request = getattr(reply, "request", None)  # of a fake server to which the method matters
        answered: outbound.Response = (
            request(method, url, dict(headers), body) if request else reply(url, dict(headers), body)
        )
        return answered

    def settle(self, limit: int = 500) -> None:
        """Handle changes and messages until none is left. Raises AssertionError after `limit` rounds."""
        for _ in range(limit):
            if not self.step():
                return
        raise AssertionError(f"there are still changes or messages after {limit} rounds")

    def step(self) -> bool:
        """Handle each stream and each queue once. Returns whether there was anything to do."""
        relayed = [self.relay(table) for table in STREAMED_TABLES]
        handled = [self.handle(name) for name in HANDLED_QUEUES]
        return any(relayed) or any(handled)

    def list_unfinished(self) -> list[str]:
        """The tables with changes that are not relayed yet, and the queues with visible messages."""
        changed = [table for table in STREAMED_TABLES if self.has_unread_changes(table)]
        return changed + [kind for kind in HANDLED_QUEUES if self.queues.visible(getattr(settings(), f"{kind}_queue"))]

    def has_unread_changes(self, table: str) -> bool:
        """Whether the table has changes that are not relayed yet."""
        return bool(aws.stream_records(getattr(settings(), f"{table}_table"), self._read.get(table, 0), 1))

    def relay(self, table: Any, limit: int = 10) -> bool:
        name = getattr(settings(), f"{table}_table")
        start = self._read.get(table, 0)
        records = aws.stream_records(name, start, limit)
        if not records:
            return False
        self._read[table] = start + relay_records(table, records)
        return True

    def return_messages(self, kind: str) -> None:
        """Return the messages of a run that died. They become visible again, or move to the dead letters."""
        for message in self._received.pop(kind, ()):
            self.queues.return_message(getattr(settings(), f"{kind}_queue"), message)

    def sweep(self) -> None:
        """Run the sweep of one minute with all its parts. The first error is raised after the other parts have run."""
        schedules.handle_sweep()
        errors = [error for _ in range(MAX_SWEEP_PARTS) if (error := self._handle_sweep_part()) is not None]
        if errors:
            raise errors[0]

    def _handle_sweep_part(self) -> Exception | None:
        try:
            self.handle("sweeps")
        except Exception as error:  # noqa: BLE001 - raised by `sweep`
            self.return_messages("sweeps")
            return error
        return None

    def rewind(self, table: str, records: int) -> None:
        """Read the stream's latest records again."""
        self._read[table] = max(0, self._read.get(table, 0) - records)

    def handle(self, kind: str) -> bool:
        batch = self.queues.receive(getattr(settings(), f"{kind}_queue"), BATCH_SIZES[kind])
        if batch:
            self.run(kind, batch)
        return bool(batch)

    def run(self, kind: str, batch: list[QueuedMessage]) -> None:
        """Run the function of this queue with these messages."""
        handlers: dict[str, Callable[[Any], Any]] = {
            "dispatch": queue_functions.handle_dispatch,
            "deliver": queue_functions.handle_handovers,
            "perform": queue_functions.handle_builtin_handovers,
            "recognize": queue_functions.handle_recognition_handovers,
            "models": queue_functions.handle_model_calls,
            "wakeups": queue_functions.handle_wakeups,
            "sweeps": queue_functions.handle_sweep_parts,
            "live": partial(queue_functions.handle_task_updates, frame_builders=self.frame_builders),
            "announce": partial(
                queue_functions.handle_announcements, payload_builders=payload_builders, may_see=may_see
            ),
            "webhooks": queue_functions.handle_webhook_deliveries,
            "notifications": queue_functions.handle_notifications,
        }
        self._received[kind] = batch
        self._finish_batch(getattr(settings(), f"{kind}_queue"), batch, _failures(handlers[kind], batch))

    def _finish_batch(self, queue: str, batch: list[QueuedMessage], failed: set[str]) -> None:
        for message in batch:
            (self.queues.return_message if message.id in failed else self.queues.delete)(queue, message)

    def advance(self, seconds: float, *, settle: bool = True) -> None:
        """Move the clock. The sweep runs at each full minute."""
        end = self.clock.now() + round(seconds * clock.SECOND)
        while self.clock.now() < end:
            minute = (self.clock.now() // clock.MINUTE + 1) * clock.MINUTE
            self.clock.advance((min(minute, end) - self.clock.now()) / clock.SECOND)
            if self.clock.now() // clock.MINUTE > self.swept_minute:
                self.swept_minute = self.clock.now() // clock.MINUTE
                self.sweep()
            if settle:
                self.settle()

    def log(self) -> list[Any]:
        return [event_log.parse(item) for item in aws.items(event_log.EventItem)]

    def tasks(self) -> list[Task]:
        return [task_table.parse(item) for item in aws.items(task_table.TaskItem)]

    def workers(self) -> list[Worker]:
        items = aws.items(worker_table.WorkersTable)
        return [worker_storage.parse(item) for item in items if isinstance(item, worker_table.WorkerItem)]

    def pools(self) -> list[Pool]:
        items = aws.items(worker_table.WorkersTable)
        return [pool_storage.parse(item) for item in items if isinstance(item, worker_table.PoolItem)]

    def limit_holders(self) -> dict[tuple[str, str], set[str]]:
        """(org#pool, key) -> ids of the tasks that hold a permit."""
        items = aws.items(worker_table.WorkersTable)
        held_limits = [item for item in items if isinstance(item, worker_table.ConcurrencyLimitItem) and item.holders]
        return {
            (item.org_pool, item.id.removeprefix(worker_table.CONCURRENCY_LIMIT_PREFIX)): set(item.holders)
            for item in held_limits
        }

    def rows(self) -> dict[tuple[str, str], Any]:
        items = aws.items(stats.StatsItem)
        return {(item.partition, item.row): stats._parse(item).counts for item in items}


def _failures(handler: Callable[[Any], Any], batch: list[QueuedMessage]) -> set[str]:
    """The ids of the messages to return: those that the function names, or all of them if it fails."""
    try:
        answered = handler({"Records": [_record(message) for message in batch]})
    except Unavailable:
        return {message.id for message in batch}
    except ExceptionGroup as group:
        _, unexpected = group.split((Unavailable, Conflict))
        if unexpected is not None:
            raise
        return {message.id for message in batch}
    return {one["itemIdentifier"] for one in answered["batchItemFailures"]}


def _record(message: QueuedMessage) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.receives)},
    }


class NoResolver(outbound.SystemNetwork):
    """A network without a resolver: addresses work, names do not resolve."""

    def addresses(self, host: str) -> list[str]:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(entry[4][0]) for entry in entries]


def clear_caches() -> None:
    """Empty the caches and buffers that a process keeps between requests."""
    ttl_cache.clear_all()
    request_counts._buffers.clear()
    activity_log._buffers.clear()


def relay_records(table: Any, records: list[dict[str, Any]]) -> int:
    """Have the relay handle these changes of a table. Returns how many of them are handled, from the first on."""
    try:
        failed = streams.handle_changes({"Records": records}, table)["batchItemFailures"]
    except Unavailable:
        return 0
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    return numbers.index(failed[0]["itemIdentifier"]) if failed else len(records)


@contextmanager
def new_world(seed: int = 0) -> Iterator[World]:
    """A new deployment, which is removed at the end."""
    chance = Random(seed)
    queues = FakeQueues(frozenset({settings().live_queue, settings().announce_queue}), chance)
    world = World(clock.ManualClock(START), queues, FakeSockets(), chance)
    before_clock, before_ids = clock.use(world.clock), ids.use(ids.SeededSource(seed))
    before_settings = config.replace(
        api_urls={POOL: "https://api.example"}, listed_pools=settings().listed_pools | {POOL}
    )
    before_sender, before_network = outbound.use_sender(world.send), outbound.use_network(NoResolver())
    before_streamer = outbound.use_streamer(model_servers.in_process(world.model_servers))
    queue_storage.use_queues(world.queues)
    sockets.use_sockets(world.sockets)
    # Most tests call with tokens of a subject that has no account.
    token_accounts.use_account_check(lambda _: True)
    clear_caches()
    try:
        with aws.cloud():
            yield world
        assert not world.queues.refused
    finally:
        clock.use(before_clock)
        ids.use(before_ids)
        outbound.use_sender(before_sender)
        outbound.use_streamer(before_streamer)
        outbound.use_network(before_network)
        queue_storage.use_queues(None)
        sockets.use_sockets(None)
        token_accounts.use_account_check(None)
        recognition_service.use(None)
        config.restore(before_settings)
