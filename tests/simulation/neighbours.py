"""A quiet org with the bounds that it is promised, and a noisy org that creates as much load as one tenant can."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.domain.tasks.task import ConcurrencyLimit
from chalicelib.domain.tasks.worker import Health, Heartbeat
from chalicelib.engine.messaging import notifications as messenger
from chalicelib.engine.webhooks import endpoints as webhooks
from chalicelib.engine.webhooks import event_deliveries
from chalicelib.engine.workers import registry
from chalicelib.providers.http.outbound import Response
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.workers import workers as worker_storage
from tests.support import aws
from tests.support.fleet import Fleet
from tests.support.messengers import ACCOUNTS, configure_all
from tests.support.world import POOL, answer

QUIET, NOISY = "quiet", "noisy"
DYING_SERVERS = 6
"""How many servers of the quiet org die right after their registration."""
SECONDS = 140
ACTION_INTERVAL_S = 8
"""Seconds between two actions of the quiet org."""
FLOODED_SECONDS = 61
TOPIC = Topic.TASK_CREATED


@dataclass
class Figures:
    """Delays that the quiet org had, in milliseconds, each from when it was due."""

    noticed: list[int] = field(default_factory=list)
    woken: list[int] = field(default_factory=list)
    latency: list[int] = field(default_factory=list)
    webhooks: list[int] = field(default_factory=list)
    notifications: list[int] = field(default_factory=list)


@dataclass
class Quiet:
    """The quiet org: a server that works, six that die, a webhook and a messenger."""

    fleet: Fleet
    figures: Figures = field(default_factory=Figures)
    _due_at: dict[str, int] = field(default_factory=dict)
    _sent: int = 0
    _alive: str = ""

    def begin(self) -> None:
        world = self.fleet.world
        for number in range(DYING_SERVERS):
            world.register(f"mortal-{number}", org=QUIET, capabilities=("dying",))
            self.fleet.hanging.add(f"mortal-{number}.example")
        self._alive = world.register(
            "alive", reply=self._answer_task, org=QUIET, max_concurrent=20, capabilities=("work",)
        ).id
        world.servers["hook.example"] = self._answer_webhook
        world.servers["quiet-messenger.example"] = self._answer_messenger
        said = {"url": "https://hook.example/", "events": [TOPIC], "active": True, "headers": {}}
        webhooks.create(QUIET, said, "a-secret-of-the-tests", "ada")

    def each_second(self) -> None:
        """Start the org's actions that are due in this second, in parallel with everything else."""
        second = (clock.now() // clock.SECOND) % 3600
        if second % 20 == 0:
            self.fleet.happen(lambda: registry.record_heartbeat(QUIET, POOL, self._alive, Heartbeat(Health.HEALTHY)))
        if second % ACTION_INTERVAL_S == 3:  # so that nothing is due less than a second before a sweep, by chance
            self.fleet.happen(self._act)

    def _act(self) -> None:
        self._sent += 1
        self.fleet.world.submit(org=QUIET, capabilities=("work",))
        self.fleet.world.submit(org=QUIET, capabilities=("patience",), run_at=clock.now() + 20_000)
        name = f"task-{self._sent}"
        self._due_at[name] = clock.now()
        _publish(QUIET, name)
        text = f"message-{self._sent}"
        self._due_at[text] = clock.now()
        messenger.enqueue_notification(QUIET, text, providers=("telegram",))

    @staticmethod
    def _answer_task(url: str, _: dict[str, str], body: bytes) -> Response:
        return answer(200, {"done": json.loads(body)["taskId"]} if body else None)

    def _answer_webhook(self, _url: str, _headers: dict[str, str], body: bytes) -> Response:
        self.figures.webhooks.append(clock.now() - self._due_at[json.loads(body)["data"]["id"]])
        return answer(200)

    def _answer_messenger(self, url: str, _: dict[str, str], body: bytes) -> Response:
        if body:
            text = json.loads(body)["text"]
            self.figures.notifications += [clock.now() - at for name, at in self._due_at.items() if text.endswith(name)]
        return answer(200, {"ok": True, "result": {"message_id": 1, "date": 1, "chat": {"id": -100123}, "text": "-"}})

    def measure(self) -> Figures:
        """Add the delays of its tasks and servers, from the tables' streams; returns all figures."""
        for old, new in _changes(settings().tasks_table, task_table.from_raw):
            if new.org == QUIET and old is not None:
                if old.run_at is not None and new.run_at is None:
                    self.figures.woken.append(new.updated_at - old.run_at)
                if new.is_terminal and not old.is_terminal:
                    self.figures.latency.append(new.updated_at - new.created_at)
        for old, new in _changes(settings().workers_table, worker_storage.from_raw, worker_storage.is_worker):
            if old is not None and old.org == QUIET and old.alive and not new.alive:
                self.figures.noticed.append(new.updated_at - old.overdue_at)
        return self.figures


def _publish(org: str, name: str) -> None:
    """Create deliveries of a task's event for the org's webhooks."""
    data: Any = {"about": {}, "recipients": {}, "data": {"id": name}}
    event_deliveries.create_deliveries(
        org, [PublicEvent(id=f"evt_{name}", org=org, topic=TOPIC, at=clock.now(), subject=name, version=1, **data)]
    )


def _changes(table: str, parse: Callable[[Any], Any], counts: Callable[[Any], bool] = lambda _: True) -> list[Any]:
    images = (
        [record["dynamodb"].get(name) for name in ("OldImage", "NewImage")] for record in aws.stream_records(table)
    )
    return [(old and parse(old), parse(new)) for old, new in images if new is not None and counts(new)]


@dataclass
class Noisy:
    """The noisy org. `size` is roughly the number of tasks of each noise."""

    fleet: Fleet
    size: int

    def none(self) -> None:
        """Do nothing, for the figures to compare with."""

    def backlog(self) -> None:
        """Submit many tasks that no server takes. Each of them is checked within the first minutes."""
        for _ in range(self.size):
            self.fleet.world.submit(org=NOISY, capabilities=("rare",))

    def flood(self) -> None:
        """Submit many tasks that are due at one moment, before the sweep that notices the quiet org's dead servers."""
        at = clock.now() + FLOODED_SECONDS * clock.SECOND
        for _ in range(self.size):
            self.fleet.world.submit(org=NOISY, run_at=at, capabilities=("rare",))

    def keys(self) -> None:
        """Submit tasks with an idempotency key and a concurrency key each. Each concurrency key is a lane."""
        for number in range(self.size // 2):
            self.fleet.world.submit(
                org=NOISY, concurrency_limit=ConcurrencyLimit(f"{number}", 1), idempotency_key=f"{number}"
            )

    def payloads(self) -> None:
        """Submit tasks of the largest size."""
        for _ in range(self.size // 4):
            self.fleet.world.submit(org=NOISY, payload="x" * 90_000)

    def servers(self) -> None:
        """Register servers that get no task, die, and let every probe time out."""
        for number in range(self.size // 5):
            self.fleet.hanging.add(f"noisy-{number}.example")
            self.fleet.world.register(f"noisy-{number}", org=NOISY, capabilities=("dying",))

    def hanging(self) -> None:
        """Register servers that let every handover time out, and submit tasks for them."""
        for number in range(3):
            self.fleet.hanging.add(f"hanging-{number}.example")
            self.fleet.world.register(f"hanging-{number}", org=NOISY, max_concurrent=500, capabilities=("hang",))
        for _ in range(self.size // 2):
            self.fleet.world.submit(org=NOISY, capabilities=("hang",))

    def receivers(self) -> None:
        """Create events and notifications for webhooks and a messenger that let every request time out."""
        self.fleet.hanging |= {"noisy-hook.example", "noisy-messenger.example"}
        said = {"url": "https://noisy-hook.example/", "events": [TOPIC], "active": True, "headers": {}}
        for _ in range(5):
            webhooks.create(NOISY, said, "a-secret-of-the-tests", "ada")
        for number in range(self.size // 5):
            _publish(NOISY, f"noise-{number}")
            messenger.enqueue_notification(NOISY, f"noise-{number}", providers=("telegram",))


def figures(fleet: Fleet, size: int, *noises: str) -> Figures:
    """The figures of the quiet org while the noisy one makes these noises."""
    telegram = ACCOUNTS["telegram"]
    configure_all(
        {
            QUIET: {"telegram": telegram | {"api_url": "https://quiet-messenger.example"}},
            NOISY: {"telegram": telegram | {"api_url": "https://noisy-messenger.example"}},
        }
    )
    quiet, noisy = Quiet(fleet), Noisy(fleet, size)
    quiet.begin()
    for noise in noises:
        fleet.happen(getattr(noisy, noise))
    fleet.run(SECONDS, quiet.each_second)
    return quiet.measure()


def worst_figures(measured: Figures) -> dict[str, float]:
    """The worst value of each figure and the mean latency, in seconds."""
    figures = {name: max(values, default=-1) / clock.SECOND for name, values in vars(measured).items()}
    return figures | {"mean latency": mean(measured.latency) / clock.SECOND}


PROMISED = {"noticed": 75, "woken": 75, "webhooks": 15, "notifications": 15}
"""The promised bounds in seconds (docs/how-it-works/reliability.md): from when a heartbeat was overdue, a task due, an
event or notification created."""
SLACK_SECONDS = {"noticed": 5, "woken": 1.5, "latency": 1}
"""How much larger the worst figure may be than without the noisy org."""
MEAN_LATENCY_FACTOR = 1.2


def broken_bounds(measured: dict[str, float], alone: dict[str, float]) -> list[str]:
    """Names of the figures that are not within the promised bounds, or much worse than without the noisy org."""
    late = [name for name, bound in PROMISED.items() if not 0 <= measured[name] <= bound]
    late += [name for name, slack in SLACK_SECONDS.items() if measured[name] > alone[name] + slack]
    return late + [name for name in ("mean latency",) if measured[name] > alone[name] * MEAN_LATENCY_FACTOR]
