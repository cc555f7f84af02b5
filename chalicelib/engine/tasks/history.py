"""The history of a task in a managed pool: one entry for each change."""

from collections.abc import Iterable, Mapping

from chalicelib.domain.changes import history as rules
from chalicelib.domain.changes.effects import Event
from chalicelib.domain.changes.history import Entry
from chalicelib.domain.tasks.task import Task
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.search import history as storage

MAX_ENTRIES = 100

TaskChange = tuple[Task | None, Task | None]
"""A task before and after a change."""
EventName = tuple[str, int]
EntryWrites = Mapping[EventName, Write]
"""Name of an event -> the write of its history entry, for the same transaction."""


def newest_entries(org: str, task_id: str) -> list[Entry]:
    """Read the newest MAX_ENTRIES entries of a task, newest first. One call."""
    return storage.newest(org, task_id, MAX_ENTRIES)


def event_name(event: Event) -> EventName:
    """The name of an event: no other event has the same."""
    return event.subject, event.version


def entry_writes(changes: Iterable[TaskChange]) -> EntryWrites:
    """Build the writes of the history entries of these changes. A deletion has none: it deletes the history, too."""
    entries = ((new, rules.history_entry(old, new)) for old, new in changes)
    return {
        (task.id, task.version): storage.entry_write(task, entry)
        for task, entry in entries
        if task is not None and entry is not None
    }


def delete_entries(org: str, task_id: str) -> bool:
    """Delete up to MAX_ENTRIES entries of a deleted task; True if none is left. Two calls."""
    writes = storage.delete_oldest_writes(org, task_id, MAX_ENTRIES)
    if writes:
        dynamodb.commit(*writes)
    return len(writes) < MAX_ENTRIES
