"""The relay carries out the effects of changes: first the event log and the counters in one transaction, then messages.

A redelivered change finds its entry in the log and counts nothing twice. Its messages are sent again, which is
harmless. So the relay can die between any two calls and be run again.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from chalicelib.config import settings
from chalicelib.domain.changes import derive, document_changes
from chalicelib.domain.changes.effects import NO_EFFECTS, Effects, Event
from chalicelib.domain.statistics import event_counts, task_lines
from chalicelib.domain.statistics.counters import Counts, Row
from chalicelib.engine.changes import queue_messages, run_all
from chalicelib.engine.search import indexer
from chalicelib.engine.tasks import history, task_log
from chalicelib.engine.tasks.history import EntryWrites, EventName, TaskChange, event_name
from chalicelib.observability import count, logger
from chalicelib.storage.aws import dynamodb, sqs
from chalicelib.storage.aws.dynamodb import ConditionFailed, RawItem, Write
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
    """One stream record: a table's item before and after the change, raw. `id` tells records apart."""

    id: str
    table: Table
    old: RawItem | None
    new: RawItem | None


def relay(changes: Sequence[Change]) -> None:
    """Carry out everything that follows from these changes. Raises Unavailable when it must be run again."""
    pairs = [_parse_tasks(change) for change in changes]
    effects = [_effects(change, pair) for change, pair in zip(changes, pairs, strict=True)]
    managed = [pair for pair in pairs if _is_in(pair, task_table.is_managed)]
    events = [event for each in effects for event in each.events]
    _record_events(events, history.entry_writes(managed), _task_changes_by_event(pairs))
    indexer.update_indexes(pair for pair in pairs if _is_in(pair, task_table.is_searched))
    occasion = hashlib.sha256("|".join(change.id for change in changes).encode()).hexdigest()
    queue_messages.enqueue_dispatch((request for each in effects for request in each.dispatch_requests), occasion)
    queue_messages.enqueue_handovers(handover for each in effects for handover in each.handovers)
    queue_messages.enqueue_worker_messages(message for each in effects for message in each.worker_messages)
    queue_messages.enqueue_wakeups(wakeup for each in effects for wakeup in each.wakeups)
    queue_messages.enqueue_task_updates((update for each in effects for update in each.task_updates), occasion)
    queue_messages.enqueue_announcements((each for one in effects for each in one.announcements), occasion)


def park(change: Change, error: Exception) -> None:
    """Put a change whose effects cannot be carried out on the parked queue; the sweep tries it again."""
    logger().error("A change was parked", extra={"change": change.id, "table": change.table}, exc_info=error)
    old, new = _without_large_fields(change.old), _without_large_fields(change.new)
    body = {"id": change.id, "table": change.table, "old": old, "new": new}
    sqs.send(settings().parked_queue, [Message(body)])


def replay_parked() -> int:
    """Try the parked changes again; returns how many were carried out. Those that fail again stay parked.

    Raises ExceptionGroup at the end when any failed.
    """
    # Lambda's own message about a batch that it gave up names stream positions only: it stays, and keeps the alarm on.
    changes = ((receipt, body) for receipt, body in _receive_parked() if "table" in body)
    replays = (partial(_replay, receipt, Change(**body)) for receipt, body in changes)
    return run_all.run_each(replays, "Some parked changes still cannot be carried out")


def _replay(receipt: str, change: Change) -> None:
    relay([change])
    sqs.client().delete(settings().parked_queue, receipt)


def _receive_parked() -> Iterator[tuple[str, dict[str, Any]]]:
    """(receipt, body) of up to a hundred parked messages that are not in flight."""
    for _ in range(PARKED_BATCHES):
        messages = sqs.client().receive(settings().parked_queue)
        yield from messages
        if not messages:
            return


def _without_large_fields(raw: RawItem | None) -> RawItem | None:
    large = ("payload", "result", "metadata", "sealed_key")
    return None if raw is None else {name: value for name, value in raw.items() if name not in large}


def _effects(change: Change, pair: TaskChange) -> Effects:
    if change.table == "tasks":
        return derive.task_effects(*pair)
    if change.table == "documents":
        return document_changes.document_effects(_parse_document(change.old), _parse_document(change.new))
    if not worker_storage.is_worker(change.new or change.old or {}):
        return NO_EFFECTS
    return derive.worker_effects(_parse_worker(change.old), _parse_worker(change.new))


def _parse_tasks(change: Change) -> TaskChange:
    """The two versions of the task that has changed; none of either for all else."""
    return (_parse_task(change.old), _parse_task(change.new)) if change.table == "tasks" else (None, None)


def _is_in(pair: TaskChange, is_such_a_pool: Callable[[str], bool]) -> bool:
    """Whether it is a change of a task of such a pool."""
    task = pair[1] or pair[0]
    return task is not None and is_such_a_pool(task.pool)


def _task_changes_by_event(pairs: Iterable[TaskChange]) -> dict[EventName, TaskChange]:
    """The changes of tasks by the names of their events."""
    return {(pair[1].id, pair[1].version): pair for pair in pairs if pair[1] is not None}


def _parse_task(raw: RawItem | None) -> Any:
    return None if raw is None else task_table.from_image(raw)


def _parse_document(raw: RawItem | None) -> Any:
    return None if raw is None else document_storage.from_raw(raw)


def _parse_worker(raw: RawItem | None) -> Any:
    return None if raw is None else worker_storage.from_raw(raw)


def _record_events(events: Sequence[Event], entries: EntryWrites, pairs: Mapping[EventName, TaskChange]) -> None:
    """Write the events to the event log and count them, each exactly once, in as few transactions as their limit
    allows; with each its entry in the task's history, if it has one. New events are logged for the operator."""
    for part in _split_into_transactions(list({event_name(event): event for event in events}.values()), entries):
        task_log.log_events(_record_transaction(part, entries), pairs)


def _record_transaction(events: list[Event], entries: EntryWrites) -> list[Event]:
    """Record the events in one transaction; returns those that were not recorded before."""
    while events:
        writes = [event_storage.log_write(event) for event in events]
        try:
            dynamodb.commit(*writes, *_counter_writes(events), *_history_writes(events, entries))
        except ConditionFailed as error:
            events = [event for event, is_known in zip(events, error.failed, strict=False) if not is_known]
        else:
            _count_metrics(events)
            break
    return events


def _count_metrics(events: Sequence[Event]) -> None:
    for kind, number in Counter(event.kind for event in events).items():
        count(f"Event.{kind}", number)
    for reason, number in Counter(event.reason for event in events if event.reason is not None).items():
        count(f"Failure.{reason}", number)


def _counter_writes(events: Sequence[Event]) -> list[Write]:
    return [stats.addition_write(row, counts) for row, counts in _count(events).items()]


def _count(events: Sequence[Event]) -> dict[Row, Counts]:
    """What these events add to the rows of the statistics."""
    logged = [event for event in events if event.pool in settings().logged_pools]
    return event_counts.count_events(events) | task_lines.count_lines(logged)


def _history_writes(events: Iterable[Event], entries: EntryWrites) -> list[Write]:
    return [entries[event_name(event)] for event in events if event_name(event) in entries]


def _split_into_transactions(events: list[Event], entries: EntryWrites) -> list[list[Event]]:
    """The events in parts that fit into one transaction each, together with the counters that they change."""
    parts: list[list[Event]] = [[]]
    for event in events:
        if _number_of_writes([*parts[-1], event], entries) > TRANSACTION_LIMIT:
            parts.append([])
        parts[-1].append(event)
    return parts


def _number_of_writes(events: list[Event], entries: EntryWrites) -> int:
    return len(events) + len(_count(events)) + len(_history_writes(events, entries))
