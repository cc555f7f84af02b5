"""Queues in memory on the world's clock: delays, order, deduplication, redelivery, dead letters and faults."""

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
"""SQS's limits for one call: messages, their bytes in total, seconds of delay. They are repeated here, so that a
wrong limit in the code is noticed."""
_NAME = re.compile(r"[\w-]{1,80}", re.ASCII)
_TOKEN = re.compile("[!-~]{1,128}")
"""A valid message group or deduplication id: letters, digits and punctuation."""


class RefusedBySqs(AssertionError):
    """SQS would have refused this call, so the test that makes it is not valid."""


def require_accepted(queue: str, entries: Sequence[dict[str, Any]]) -> None:
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
class QueuedMessage:
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
    """Queues with SQS's guarantees; `faults` take away what SQS does not guarantee. A call that SQS would refuse raises
    RefusedBySqs. The error is also kept in `refused`, because the code under test may catch it."""

    lossless: frozenset[str] = frozenset()
    """Queues that lose nothing, whatever the faults: SQS loses no message, and no sweep repairs a loss in these."""
    random: Random = field(default_factory=lambda: Random(0))
    faults: Faults = field(default_factory=Faults)
    queues: dict[str, list[QueuedMessage]] = field(default_factory=dict)
    dead: dict[str, list[QueuedMessage]] = field(default_factory=dict)
    refused: list[RefusedBySqs] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        entries = [entry for batch in split_into_batches(messages) for entry in self._require_accepted(queue, batch)]
        for message, entry in zip(messages, entries, strict=True):
            if self._is_duplicate(queue, message) or self._is_dropped(queue):
                continue
            copies = 2 if message.group is None and self.random.random() < self.faults.duplicate else 1
            for _ in range(copies):
                self.queues.setdefault(queue, []).append(self._queued_message(message, entry))

    def _require_accepted(self, queue: str, batch: list[Any]) -> list[Any]:
        try:
            require_accepted(queue, batch)
        except RefusedBySqs as refusal:
            self.refused.append(refusal)
            raise
        return batch

    def depth(self, queue: str) -> int:
        return len(self.queues.get(queue, ()))

    def _is_dropped(self, queue: str) -> bool:
        return self.random.random() < self.faults.drop and queue not in self.lossless

    def _is_duplicate(self, queue: str, message: Message) -> bool:
        if message.deduplication is None:
            return False
        key, now = (queue, message.deduplication), clock.now()
        if self._seen.get(key, -(10**12)) > now - 5 * clock.MINUTE:
            return True
        self._seen[key] = now
        return False

    def _queued_message(self, message: Message, entry: dict[str, Any]) -> QueuedMessage:
        late = round(self.random.uniform(0, 30) * clock.SECOND) if self.random.random() < self.faults.delay else 0
        visible_at = clock.now() + message.delay * clock.SECOND + late
        return QueuedMessage(f"m{next(self._numbers)}", entry["MessageBody"], visible_at, message.group)

    def receive(self, queue: str, limit: int = 10) -> list[QueuedMessage]:
        """Up to `limit` visible messages; of a FIFO queue, in order, from one group."""
        visible = self.visible(queue)
        if self.faults.reorder:
            self.random.shuffle(visible)
        if visible and visible[0].group is not None:
            visible = [message for message in self.visible(queue) if message.group == visible[0].group]
        for message in visible[:limit]:
            message.receives += 1
        return visible[:limit]

    def visible(self, queue: str) -> list[QueuedMessage]:
        """The messages that can be received now, in order. A message waits for earlier ones of its group."""
        visible, waiting = [], set()
        for message in self.queues.get(queue, []):
            if message.visible_at > clock.now():
                waiting.add(message.group)
            elif message.group is None or message.group not in waiting:
                visible.append(message)
        return visible

    def delete(self, queue: str, message: QueuedMessage) -> None:
        """Delete a handled message. With faults, a message of a FIFO queue may be delivered again."""
        if message.group is not None and self.random.random() < self.faults.duplicate:
            message.visible_at = clock.now() + 30 * clock.SECOND
        elif message in self.queues[queue]:
            self.queues[queue].remove(message)

    def return_message(self, queue: str, message: QueuedMessage) -> None:
        """Return a message that was not handled. It becomes visible again, or moves to the dead letters."""
        if message.receives >= MAX_RECEIVES and queue not in self.lossless:
            self.queues[queue].remove(message)
            self.dead.setdefault(queue, []).append(message)
        else:
            message.visible_at = clock.now() + 30 * clock.SECOND
