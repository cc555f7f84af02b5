"""A whole deployment on moto: the API and the engine's functions. It calls them with batches of ten, as Lambda does.

Only the time within functions is measured. Lambda's own work between functions (reading streams, receiving and deleting
messages) is in neither the time nor the counts.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import boto3
from chalice.app import Chalice

from bench import requests
from bench.measure import silence
from bench.meter import Call, metering
from chalicelib.config import settings
from chalicelib.engine import ttl_cache
from chalicelib.functions import queues as queue_functions
from chalicelib.functions import streams
from chalicelib.providers.http import outbound
from chalicelib.storage.aws import sqs
from tests.support import aws

BATCH = 10
HANDLERS: Mapping[str, Callable[[Any], Any]] = {
    "dispatch": queue_functions.handle_dispatch,
    "deliver": queue_functions.handle_handovers,
    # There are no subscribers: each task costs only the read that looks for some.
    "live": lambda event: queue_functions.handle_task_updates(event, {}),
}


@dataclass
class Deployment:
    """A deployment with one server, which accepts every task and reports its result later."""

    app: Chalice
    admin: dict[str, str]
    calls: list[tuple[str, Call]] | None
    server: dict[str, str] = field(default_factory=lambda: {"X-API-Key": requests.KEY})
    server_id: str = ""
    seconds: float = 0.0
    """The time spent in Yardmaster's functions so far."""
    runs: Counter[str] = field(default_factory=Counter)
    """Invocations so far, by function."""
    _read: dict[str, int] = field(default_factory=dict)

    def ask(self, event: Any) -> Any:
        """Send a request that must succeed to the API, and return its answer."""
        return requests.read_body(self._run("api_handler", lambda: self.app(event, None)))

    def look(self, work: Callable[[], Any]) -> Any:
        """Run a use case for which the mounted API has no endpoint, counted as an API function."""
        return self._run("api_handler", work)

    def register(self) -> str:
        self.server_id = self.ask(requests.register(self.admin))["serverId"]
        return self.server_id

    def submit(self) -> str:
        return str(self.ask(requests.submit(self.admin))["id"])

    def complete(self, task_id: str) -> None:
        self.ask(requests.complete(self.server, task_id, self.server_id))

    def relay(self) -> None:
        """Relay the new records of the tables' streams, then handle the queue of live updates."""
        for table in ("tasks", "workers"):
            records = aws.stream_records(getattr(settings(), f"{table}_table"))
            for start in range(self._read.get(table, 0), len(records), BATCH):
                event = {"Records": records[start : start + BATCH]}
                self._done(f"relay_{table}", partial(streams.handle_changes, event, table))
            self._read[table] = len(records)
        self.handle("live")

    def handle(self, kind: str) -> None:
        """Handle the messages of a queue until it is empty."""
        url = _sqs().get_queue_url(QueueName=getattr(settings(), f"{kind}_queue"))["QueueUrl"]
        while messages := _sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=BATCH).get("Messages"):
            event = {"Records": [{"messageId": message["MessageId"], "body": message["Body"]} for message in messages]}
            self._done(kind, partial(HANDLERS[kind], event))
            for message in messages:
                _sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _done(self, function: str, run: Callable[[], Any]) -> None:
        if failures := self._run(function, run)["batchItemFailures"]:
            raise RuntimeError(f"{function} failed on {failures}")

    def _run(self, function: str, run: Callable[[], Any]) -> Any:
        self.runs[function] += 1
        if self.calls is not None:
            with metering() as calls:
                answer = run()
            self.calls += [(function, call) for call in calls]
            return answer
        start = time.perf_counter()
        answer = run()
        self.seconds += time.perf_counter() - start
        return answer


def _sqs() -> Any:
    return sqs.client()._client


@contextmanager
def deployment() -> Iterator[None]:
    """Create empty tables and queues on moto."""
    with aws.cloud():
        client = boto3.client("sqs")
        for name in (settings().dispatch_queue, settings().live_queue):
            client.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})
        for name in (settings().deliver_queue, settings().perform_queue, settings().wakeups_queue):
            client.create_queue(QueueName=name)
        yield


@contextmanager
def world(calls: list[tuple[str, Call]] | None = None) -> Iterator[Deployment]:
    """Provide a fresh deployment whose server has done one task, so that caches are filled.

    (function, call) is appended to `calls` for each AWS call, which makes it slower.
    """
    from app import app

    before = outbound.use_sender(lambda *_, **__: outbound.Response(202, {}, b""))
    try:
        with deployment(), silence():
            ttl_cache.clear_all()
            new_deployment = Deployment(app, requests.token(), calls)
            new_deployment.register()
            complete_tasks(new_deployment, 1)
            yield new_deployment
    finally:
        outbound.use_sender(before)


def complete_tasks(deployment: Deployment, tasks: int) -> None:
    """Whole lives, side by side: submitted, relayed, dispatched, delivered, completed, relayed."""
    identifiers = [deployment.submit() for _ in range(tasks)]
    deployment.relay()
    deployment.handle("dispatch")
    deployment.relay()
    deployment.handle("deliver")
    for identifier in identifiers:
        deployment.complete(identifier)
    deployment.relay()
    deployment.handle("dispatch")
