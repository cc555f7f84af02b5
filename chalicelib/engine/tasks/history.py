"""What became of a task of a managed pool, change by change."""

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
"""Name of an event -> the write of its entry, which belongs into the same transaction."""


def newest_entries(org: str, task_id: str) -> list[Entry]:
    """The newest hundred changes of a task, newest first. One call."""
    return storage.newest(org, task_id, MAX_ENTRIES)


def event_name(event: Event) -> EventName:
    """What tells an event from all others."""
    return event.subject, event.version


def entry_writes(changes: Iterable[TaskChange]) -> EntryWrites:
    """The entries that these changes of tasks are worth. Of its removal a task keeps none: its history goes with it."""
    found = ((new, rules.history_entry(old, new)) for old, new in changes)
    return {
        (task.id, task.version): storage.entry_write(task, entry)
        for task, entry in found
        if task is not None and entry is not None
    }


def delete_entries(org: str, task_id: str) -> bool:
    """Remove up to a hundred entries of a task that was deleted; whether nothing is left of them."""
    found = storage.delete_oldest_writes(org, task_id, MAX_ENTRIES)
    if found:
        dynamodb.commit(*found)
    return len(found) < MAX_ENTRIES
