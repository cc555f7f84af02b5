"""From changes to what follows from them: the log and the counters first, in one transaction, then the messages.

A redelivered change finds its entry in the log and counts nothing twice; its messages are sent again, which is
harmless. So the relay may die between any two calls and be run again.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from chalicelib.config import settings
from chalicelib.domain import document as documents
from chalicelib.domain.changes import derive as changes
from chalicelib.domain.changes.effects import NOTHING, Effects, Event
from chalicelib.domain.statistics import event_counts
from chalicelib.engine.changes import queue_messages, run_all
from chalicelib.engine.search import indexer
from chalicelib.engine.tasks import history, task_log
from chalicelib.engine.tasks.history import EntryWrites, EventName, TaskChange, event_name
from chalicelib.observability import count, logger
from chalicelib.storage.aws import dynamodb, sqs
from chalicelib.storage.aws.dynamodb import RawItem, Refused, Write
from chalicelib.storage.aws.sqs import Message
from chalicelib.storage.documents import documents as document_storage
from chalicelib.storage.statistics import counters as stats
from chalicelib.storage.statistics import event_log as event_storage
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.workers import workers as worker_storage

TRANSACTION_LIMIT = 100
PARKED_BATCHES = 10

Table = Literal["tasks", "workers", "documents"]


@dataclass(frozen=True, slots=True)
class Change:
    """One stream record: a table's item before and after, raw. `id` tells records apart."""

    id: str
    table: Table
    old: RawItem | None
    new: RawItem | None


def relay(records: Sequence[Change]) -> None:
    """Carry out everything that follows from these changes. Raises Unavailable when it must be run again."""
    pairs = [_tasks(record) for record in records]
    found = [_effects(record, pair) for record, pair in zip(records, pairs, strict=True)]
    managed = [pair for pair in pairs if _is_managed(pair)]
    _record([event for each in found for event in each.events], history.entry_writes(managed), _by_name(pairs))
    indexer.update_indexes(managed)
    occasion = hashlib.sha256("|".join(record.id for record in records).encode()).hexdigest()
    queue_messages.nudge((nudge for each in found for nudge in each.nudges), occasion)
    queue_messages.deliver(delivery for each in found for delivery in each.deliveries)
    queue_messages.call(call for each in found for call in each.calls)
    queue_messages.wake(wakeup for each in found for wakeup in each.wakeups)
    queue_messages.update((update for each in found for update in each.updates), occasion)
    queue_messages.announce((said for each in found for said in each.announcements), occasion)


def park(change: Change, error: Exception) -> None:
    """Set a change aside that cannot be carried out, so that it blocks nobody; the sweep tries it again."""
    logger().error("A change was parked", extra={"change": change.id, "table": change.table}, exc_info=error)
    body = {"id": change.id, "table": change.table, "old": _light(change.old), "new": _light(change.new)}
    sqs.send(settings().parked_queue, [Message(body)])


def replay_parked() -> int:
    """Try the parked changes once more; returns how many were carried out. Those that fail again stay parked.

    Raises ExceptionGroup at the end when any failed.
    """
    # Lambda's own notice of a batch that it gave up names stream positions only: it stays, and keeps the alarm on.
    changes = ((receipt, body) for receipt, body in _parked() if "table" in body)
    jobs = (partial(_replay, receipt, Change(**body)) for receipt, body in changes)
    return run_all.carry_out(jobs, "Some parked changes still cannot be carried out")


def _replay(receipt: str, change: Change) -> None:
    relay([change])
    sqs.sqs().delete(settings().parked_queue, receipt)


def _parked() -> Iterator[tuple[str, dict[str, Any]]]:
    """What is parked and was not looked at just now, at most a hundred."""
    for _ in range(PARKED_BATCHES):
        found = sqs.sqs().receive(settings().parked_queue)
        yield from found
        if not found:
            return


def _light(raw: RawItem | None) -> RawItem | None:
    heavy = ("payload", "result", "metadata", "sealed_key")
    return None if raw is None else {name: value for name, value in raw.items() if name not in heavy}


def _effects(change: Change, pair: TaskChange) -> Effects:
    if change.table == "tasks":
        return changes.of_task(*pair)
    if change.table == "documents":
        return documents.of_document(_document(change.old), _document(change.new))
    if not worker_storage.is_worker(change.new or change.old or {}):
        return NOTHING
    return changes.of_worker(_worker(change.old), _worker(change.new))


def _tasks(change: Change) -> TaskChange:
    """The two versions of the task that has changed; none of either for all else."""
    return (_task(change.old), _task(change.new)) if change.table == "tasks" else (None, None)


def _is_managed(pair: TaskChange) -> bool:
    """Whether it is a task of those that are found by what they say."""
    task = pair[1] or pair[0]
    return task is not None and task_table.is_managed(task.pool)


def _by_name(pairs: Iterable[TaskChange]) -> dict[EventName, TaskChange]:
    """The changes of tasks by the names of their events."""
    return {(pair[1].id, pair[1].version): pair for pair in pairs if pair[1] is not None}


def _task(raw: RawItem | None) -> Any:
    return None if raw is None else task_table.from_image(raw)


def _document(raw: RawItem | None) -> Any:
    return None if raw is None else document_storage.from_raw(raw)


def _worker(raw: RawItem | None) -> Any:
    return None if raw is None else worker_storage.from_raw(raw)


def _record(events: Sequence[Event], notes: EntryWrites, pairs: Mapping[EventName, TaskChange]) -> None:
    """Log the events and count them, each exactly once, in as few transactions as their limit allows; beside each its
    entry in the task's history, if it has one. Those that are new get a line for the operator."""
    for part in _parts(list({event_name(event): event for event in events}.values()), notes):
        task_log.log_events(_record_part(part, notes), pairs)


def _record_part(events: list[Event], notes: EntryWrites) -> list[Event]:
    """Record the events; returns those that were not recorded before."""
    while events:
        writes = [event_storage.log_write(event) for event in events]
        try:
            dynamodb.commit(*writes, *_counting(events), *_noting(events, notes))
        except Refused as refused:
            events = [event for event, known in zip(events, refused.failed, strict=False) if not known]
        else:
            _measure(events)
            break
    return events


def _measure(events: Iterable[Event]) -> None:
    found = list(events)
    for kind, number in Counter(event.kind for event in found).items():
        count(f"Event.{kind}", number)
    for reason, number in Counter(event.reason for event in found if event.reason is not None).items():
        count(f"Failure.{reason}", number)


def _counting(events: Iterable[Event]) -> list[Write]:
    return [stats.addition_write(row, counts) for row, counts in event_counts.count_events(events).items()]


def _noting(events: Iterable[Event], notes: EntryWrites) -> list[Write]:
    return [notes[event_name(event)] for event in events if event_name(event) in notes]


def _parts(events: list[Event], notes: EntryWrites) -> list[list[Event]]:
    """The events in runs that fit into one transaction together with the rows they touch."""
    parts: list[list[Event]] = [[]]
    for event in events:
        if _actions([*parts[-1], event], notes) > TRANSACTION_LIMIT:
            parts.append([])
        parts[-1].append(event)
    return parts


def _actions(events: list[Event], notes: EntryWrites) -> int:
    return len(events) + len(event_counts.count_events(events)) + len(_noting(events, notes))
