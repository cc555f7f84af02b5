"""A quiet organisation, what it is promised, and a noisy neighbour that does whatever one tenant can do."""

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
MORTALS = 6
"""Servers of the quiet organisation that die as soon as they are there."""
SECONDS = 140
EACH = 8
"""So many seconds apart the quiet organisation does something."""
FLOODED_SECONDS = 61
TOPIC = Topic.TASK_CREATED


@dataclass
class Figures:
    """What the quiet organisation saw, in milliseconds; each from when it was due."""

    noticed: list[int] = field(default_factory=list)
    woken: list[int] = field(default_factory=list)
    latency: list[int] = field(default_factory=list)
    webhooks: list[int] = field(default_factory=list)
    notifications: list[int] = field(default_factory=list)


@dataclass
class Quiet:
    """The quiet organisation: a server that works, six that die, a webhook and a messenger."""

    fleet: Fleet
    figures: Figures = field(default_factory=Figures)
    _told: dict[str, int] = field(default_factory=dict)
    _sent: int = 0
    _alive: str = ""

    def begin(self) -> None:
        world = self.fleet.world
        for number in range(MORTALS):
            world.register(f"mortal-{number}", org=QUIET, capabilities=("dying",))
            self.fleet.hanging.add(f"mortal-{number}.example")
        self._alive = world.register(
            "alive", reply=self._works, org=QUIET, max_concurrent=20, capabilities=("work",)
        ).id
        world.servers["hook.example"] = self._hooked
        world.servers["quiet-messenger.example"] = self._notified
        said = {"url": "https://hook.example/", "events": [TOPIC], "active": True, "headers": {}}
        webhooks.create(QUIET, said, "a-secret-of-the-tests", "ada")

    def each_second(self) -> None:
        """Each second, what it does is done beside everything else."""
        second = (clock.now() // clock.SECOND) % 3600
        if second % 20 == 0:
            self.fleet.happen(lambda: registry.record_heartbeat(QUIET, POOL, self._alive, Heartbeat(Health.HEALTHY)))
        if second % EACH == 3:  # so that nothing is due within a second of a sweep, which would be luck
            self.fleet.happen(self._act)

    def _act(self) -> None:
        self._sent += 1
        self.fleet.world.submit(org=QUIET, capabilities=("work",))
        self.fleet.world.submit(org=QUIET, capabilities=("patience",), run_at=clock.now() + 20_000)
        name = f"task-{self._sent}"
        self._told[name] = clock.now()
        _publish(QUIET, name)
        text = f"message-{self._sent}"
        self._told[text] = clock.now()
        messenger.enqueue_notification(QUIET, text, providers=("telegram",))

    @staticmethod
    def _works(url: str, _: dict[str, str], body: bytes) -> Response:
        return answer(200, {"done": json.loads(body)["taskId"]} if body else None)

    def _hooked(self, _url: str, _headers: dict[str, str], body: bytes) -> Response:
        self.figures.webhooks.append(clock.now() - self._told[json.loads(body)["data"]["id"]])
        return answer(200)

    def _notified(self, url: str, _: dict[str, str], body: bytes) -> Response:
        if body:
            text = json.loads(body)["text"]
            self.figures.notifications += [clock.now() - at for name, at in self._told.items() if text.endswith(name)]
        return answer(200, {"ok": True, "result": {"message_id": 1, "date": 1, "chat": {"id": -100123}, "text": "-"}})

    def judge(self) -> Figures:
        """What it saw of its tasks and servers, by what the tables say happened."""
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
    """A task's event, for the org's webhooks."""
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
    """A neighbour. `size` is how much it does of each thing."""

    fleet: Fleet
    size: int

    def none(self) -> None:
        """It does nothing: what the others are measured against."""

    def backlog(self) -> None:
        """Many tasks that nobody takes, all of them looked at once within the first minutes."""
        for _ in range(self.size):
            self.fleet.world.submit(org=NOISY, capabilities=("rare",))

    def flood(self) -> None:
        """Many tasks that are due at one moment, before the sweep that is to notice the quiet one's dead servers."""
        at = clock.now() + FLOODED_SECONDS * clock.SECOND
        for _ in range(self.size):
            self.fleet.world.submit(org=NOISY, run_at=at, capabilities=("rare",))

    def keys(self) -> None:
        """As many keys as tasks: of idempotency, and of permits, each of which is a lane."""
        for number in range(self.size // 2):
            self.fleet.world.submit(
                org=NOISY, concurrency_limit=ConcurrencyLimit(f"{number}", 1), idempotency_key=f"{number}"
            )

    def payloads(self) -> None:
        """Tasks as large as they may be."""
        for _ in range(self.size // 4):
            self.fleet.world.submit(org=NOISY, payload="x" * 90_000)

    def servers(self) -> None:
        """Servers that take no tasks, die, and keep every probe waiting."""
        for number in range(self.size // 5):
            self.fleet.hanging.add(f"noisy-{number}.example")
            self.fleet.world.register(f"noisy-{number}", org=NOISY, capabilities=("dying",))

    def hanging(self) -> None:
        """Servers that take every task and never answer."""
        for number in range(3):
            self.fleet.hanging.add(f"hanging-{number}.example")
            self.fleet.world.register(f"hanging-{number}", org=NOISY, max_concurrent=500, capabilities=("hang",))
        for _ in range(self.size // 2):
            self.fleet.world.submit(org=NOISY, capabilities=("hang",))

    def receivers(self) -> None:
        """Webhooks and a messenger that take every request and never answer."""
        self.fleet.hanging |= {"noisy-hook.example", "noisy-messenger.example"}
        said = {"url": "https://noisy-hook.example/", "events": [TOPIC], "active": True, "headers": {}}
        for _ in range(5):
            webhooks.create(NOISY, said, "a-secret-of-the-tests", "ada")
        for number in range(self.size // 5):
            _publish(NOISY, f"noise-{number}")
            messenger.enqueue_notification(NOISY, f"noise-{number}", providers=("telegram",))


def figures(fleet: Fleet, size: int, *noises: str) -> Figures:
    """What the quiet organisation sees while its neighbour makes these noises."""
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
    return quiet.judge()


def worst(found: Figures) -> dict[str, float]:
    """The worst of each figure, in seconds; of the latency the mean as well."""
    figures = {name: max(values, default=-1) / clock.SECOND for name, values in vars(found).items()}
    return figures | {"mean latency": mean(found.latency) / clock.SECOND}


PROMISED = {"noticed": 75, "woken": 75, "webhooks": 15, "notifications": 15}
"""Seconds (docs/how-it-works/reliability.md): from when a heartbeat was overdue, a task due, an event or
notification there."""
SLACK_SECONDS = {"noticed": 5, "woken": 1.5, "latency": 1}
"""So much more than alone it may be."""
WORSE = 1.2


def broken_bounds(found: dict[str, float], alone: dict[str, float]) -> list[str]:
    """Which figures are not within what is promised, or not what they are without the neighbour."""
    late = [name for name, bound in PROMISED.items() if not 0 <= found[name] <= bound]
    late += [name for name, slack in SLACK_SECONDS.items() if found[name] > alone[name] + slack]
    return late + [name for name in ("mean latency",) if found[name] > alone[name] * WORSE]
