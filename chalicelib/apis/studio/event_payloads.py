"""Payloads of the events of the studio API: content tasks as the API shows them, without their metadata.

The functions that send events import this module, so it imports little.
"""

from collections.abc import Sequence
from typing import Any

from chalicelib.apis.studio.tasks import TaskRow
from chalicelib.domain.changes import public_events
from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.domain.changes.public_events import Payload, PublicEvent
from chalicelib.domain.tasks.task import PHASES, Status, Task
from chalicelib.engine.content_tasks import POOL, STATUS_WORDS
from chalicelib.engine.events import event_subjects

TOPICS = (
    Topic.TASK_CREATED,
    Topic.TASK_UPDATED,
    Topic.TASK_COMPLETED,
    Topic.TASK_FAILED,
    Topic.TASK_DELETED,
)
"""The events of this API."""


def build_payloads(org: str, announcements: Sequence[Announcement]) -> list[PublicEvent]:
    """The events of these announcements, with each task as it is now. The deletion of a task has its id alone.

    Earlier events of a deleted task are skipped.
    """
    shown = [announcement for announcement in announcements if announcement.topic in TOPICS]
    subjects = event_subjects.load_subjects(org, POOL, shown)
    built = [(announcement, _build(announcement, subjects.tasks.get(announcement.subject))) for announcement in shown]
    return [
        public_events.public_event(announcement, payload, subjects.organization)
        for announcement, payload in built
        if payload is not None
    ]


def _build(announcement: Announcement, task: Task | None) -> Payload | None:
    if announcement.topic is Topic.TASK_DELETED:
        return Payload({"id": announcement.subject})
    if task is None:
        return None
    return Payload(TaskRow.from_task(task).model_dump(mode="json") | _announced_status(announcement))


def _announced_status(announcement: Announcement) -> dict[str, Any]:
    """The status that was announced: the task may have another one now."""
    if announcement.now is None:
        return {}
    return {"status": STATUS_WORDS[PHASES[Status(announcement.now)]]}
