"""Queues in memory, by the house's clock: delays, order, deduplication, redelivery, dead letters. And faults."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chalicelib import clock
from chalicelib.storage.queues import Message

MAX_RECEIVES = 5


@dataclass
class Held:
    """A message in a queue."""

    id: str
    body: str
    visible_at: int
    group: str | None
    receives: int = 0


@dataclass
class Faults:
    """How unreliable the queues are: chances in [0, 1]."""

    duplicate: float = 0.0
    drop: float = 0.0
    delay: float = 0.0
    reorder: bool = False


@dataclass
class FakeQueues:
    """What SQS promises, and no more when there are faults."""

    lossless: frozenset[str] = frozenset()
    """Queues that drop nothing, whatever the faults: SQS loses no message, and nobody makes up for what these hold."""
    random: Random = field(default_factory=lambda: Random(0))
    faults: Faults = field(default_factory=Faults)
    queues: dict[str, list[Held]] = field(default_factory=dict)
    dead: dict[str, list[Held]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        for message in messages:
            if self._repeated(queue, message) or self._dropped(queue):
                continue
            copies = 2 if message.group is None and self.random.random() < self.faults.duplicate else 1
            for _ in range(copies):
                self.queues.setdefault(queue, []).append(self._held(message))

    def depth(self, queue: str) -> int:
        return len(self.queues.get(queue, ()))

    def _dropped(self, queue: str) -> bool:
        return self.random.random() < self.faults.drop and queue not in self.lossless

    def _repeated(self, queue: str, message: Message) -> bool:
        if message.deduplication is None:
            return False
        key, now = (queue, message.deduplication), clock.now()
        if self._seen.get(key, -(10**12)) > now - 5 * clock.MINUTE:
            return True
        self._seen[key] = now
        return False

    def _held(self, message: Message) -> Held:
        late = round(self.random.uniform(0, 30) * clock.SECOND) if self.random.random() < self.faults.delay else 0
        # As SQS carries it: what is not JSON must fail here, too.
        body = json.dumps(message.body)
        return Held(f"m{next(self._numbers)}", body, clock.now() + message.delay * clock.SECOND + late, message.group)

    def receive(self, queue: str, limit: int = 10) -> list[Held]:
        """Up to `limit` visible messages; of a FIFO queue, in order, from one group."""
        visible = self.visible(queue)
        if self.faults.reorder:
            self.random.shuffle(visible)
        if visible and visible[0].group is not None:
            visible = [held for held in self.visible(queue) if held.group == visible[0].group]
        for held in visible[:limit]:
            held.receives += 1
        return visible[:limit]

    def visible(self, queue: str) -> list[Held]:
        """Those that may be received now, in order: none of a group that waits for an earlier one of it."""
        found, waiting = [], set()
        for held in self.queues.get(queue, []):
            if held.visible_at > clock.now():
                waiting.add(held.group)
            elif held.group is None or held.group not in waiting:
                found.append(held)
        return found

    def done(self, queue: str, held: Held) -> None:
        """The message was dealt with. One of a FIFO queue may come again all the same, though it was sent once."""
        if held.group is not None and self.random.random() < self.faults.duplicate:
            held.visible_at = clock.now() + 30 * clock.SECOND
        elif held in self.queues[queue]:
            self.queues[queue].remove(held)

    def failed(self, queue: str, held: Held) -> None:
        """The message was not dealt with: it comes back, or goes to the dead letters."""
        if held.receives >= MAX_RECEIVES and queue not in self.lossless:
            self.queues[queue].remove(held)
            self.dead.setdefault(queue, []).append(held)
        else:
            held.visible_at = clock.now() + 30 * clock.SECOND
