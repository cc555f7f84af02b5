"""Queues in memory, by the world's clock: delays, order, deduplication, redelivery, dead letters. And faults."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chalicelib import clock
from chalicelib.storage.aws.sqs import Message, split_into_batches

MAX_RECEIVES = 5
MOST_ENTRIES, LARGEST_BATCH, LONGEST_DELAY = 10, 1_048_576, 900
"""What SQS takes in one call: messages, bytes of all of them together, seconds of delay. Written down here again, so
that a limit that somebody moves in the code is noticed."""
_NAME = re.compile(r"[\w-]{1,80}", re.ASCII)
_TOKEN = re.compile("[!-~]{1,128}")
"""What a message group and a deduplication id may be: letters, digits and punctuation."""


class RefusedBySqs(AssertionError):
    """SQS would not have taken this call: no test that makes it is right about anything else."""


def require_taken(queue: str, entries: Sequence[dict[str, Any]]) -> None:
    """Raise RefusedBySqs for a SendMessageBatch that SQS would refuse, in whole or in part."""
    names = [entry["Id"] for entry in entries]
    problems = [
        (not 1 <= len(entries) <= MOST_ENTRIES, f"a batch has 1 to {MOST_ENTRIES} entries, not {len(entries)}"),
        (len(set(names)) != len(names), f"the ids of a batch are distinct, not {names}"),
        (sum(len(entry["MessageBody"].encode()) for entry in entries) > LARGEST_BATCH, "the batch is too large"),
        *(problem for entry in entries for problem in _entry_problems(queue, entry)),
    ]
    for wrong, what in problems:
        if wrong:
            raise RefusedBySqs(f"{queue}: {what}")


def _entry_problems(queue: str, entry: dict[str, Any]) -> list[tuple[bool, str]]:
    group, token, delay = entry.get("MessageGroupId"), entry.get("MessageDeduplicationId"), entry.get("DelaySeconds")
    fifo = queue.endswith(".fifo")
    return [
        (not _NAME.fullmatch(entry["Id"]), f"{entry['Id']!r} is no id of an entry"),
        (not entry["MessageBody"], "a message has a body"),
        (not 0 <= (delay or 0) <= LONGEST_DELAY, f"a delay is 0 to {LONGEST_DELAY} seconds, not {delay}"),
        (not isinstance(delay or 0, int), f"a delay is in whole seconds, not {delay}"),
        (fifo and bool(delay), "a FIFO queue delays no single message"),
        (fifo and not _TOKEN.fullmatch(group or ""), f"a FIFO queue takes no message of group {group!r}"),
        (fifo and not _TOKEN.fullmatch(token or ""), f"a FIFO queue takes no message of deduplication id {token!r}"),
        (not fifo and token is not None, "only a FIFO queue takes a deduplication id"),
    ]


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
    """What SQS promises, and no more when there are faults. What SQS would refuse raises RefusedBySqs, and is kept in
    `refused` for those whose code swallows that."""

    lossless: frozenset[str] = frozenset()
    """Queues that drop nothing, whatever the faults: SQS loses no message, and nobody makes up for what these hold."""
    random: Random = field(default_factory=lambda: Random(0))
    faults: Faults = field(default_factory=Faults)
    queues: dict[str, list[Held]] = field(default_factory=dict)
    dead: dict[str, list[Held]] = field(default_factory=dict)
    refused: list[RefusedBySqs] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        entries = [entry for batch in split_into_batches(messages) for entry in self._taken(queue, batch)]
        for message, entry in zip(messages, entries, strict=True):
            if self._repeated(queue, message) or self._dropped(queue):
                continue
            copies = 2 if message.group is None and self.random.random() < self.faults.duplicate else 1
            for _ in range(copies):
                self.queues.setdefault(queue, []).append(self._held(message, entry))

    def _taken(self, queue: str, batch: list[Any]) -> list[Any]:
        try:
            require_taken(queue, batch)
        except RefusedBySqs as refusal:
            self.refused.append(refusal)
            raise
        return batch

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

    def _held(self, message: Message, entry: dict[str, Any]) -> Held:
        late = round(self.random.uniform(0, 30) * clock.SECOND) if self.random.random() < self.faults.delay else 0
        visible_at = clock.now() + message.delay * clock.SECOND + late
        return Held(f"m{next(self._numbers)}", entry["MessageBody"], visible_at, message.group)

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
