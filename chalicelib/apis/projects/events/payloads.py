"""Payloads of the events of the projects API: the resource as the API shows it, its filter fields and its recipients.

The functions that send events import this module, so it imports little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from chalicelib import clock
from chalicelib.apis.projects.access import NAME
from chalicelib.apis.projects.agents.schemas import AgentOut
from chalicelib.apis.projects.projects.schemas import ProjectRow
from chalicelib.apis.projects.states import TASK_STATUS
from chalicelib.apis.projects.tasks.schemas import TaskRow
from chalicelib.domain.changes import public_events
from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.domain.changes.public_events import Payload, PublicEvent
from chalicelib.domain.document import Document
from chalicelib.domain.tasks.task import PHASES, Status, Task
from chalicelib.domain.tasks.task_fields import task_project
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import CamelSchema
from chalicelib.engine.events import event_subjects
from chalicelib.engine.events.event_subjects import Subjects
from chalicelib.observability import count, logger

Json = dict[str, Any]
About = Mapping[str, str | None]
NO_RECIPIENTS: Mapping[str, str] = MappingProxyType({})


def build_payloads(org: str, announcements: Sequence[Announcement]) -> list[PublicEvent]:
    """The events of these announcements, with each resource as this API shows it now.

    The deletion of a resource has its id alone. Earlier events of a deleted resource are skipped.
    """
    subjects = event_subjects.load_subjects(org, NAME, announcements)
    built = [(announcement, _build_or_skip(announcement, subjects)) for announcement in announcements]
    return [
        public_events.public_event(announcement, payload, subjects.organization)
        for announcement, payload in built
        if payload is not None
    ]


def _build_or_skip(announcement: Announcement, subjects: Subjects) -> Payload | None:
    """Build a payload. A failure is a defect of the code: it is logged and skipped, so that later events are sent."""
    try:
        return _build(announcement, subjects)
    except Exception as error:  # noqa: BLE001 - logged, and counted in a metric
        logger().error("Event payload could not be built", extra={"announcement": asdict(announcement)}, exc_info=error)
        count("Untold")
        return None


_DELETIONS = frozenset({Topic.TASK_DELETED, Topic.AGENT_DELETED, Topic.PROJECT_DELETED})


def _build(announcement: Announcement, subjects: Subjects) -> Payload | None:
    if announcement.topic in _DELETIONS:
        return Payload({"id": announcement.subject})
    if announcement.topic is Topic.MEMBER_ADDED:
        return _member(announcement, subjects)
    kind = announcement.topic.partition(".")[0]
    resources: Mapping[str, Any] = {"task": subjects.tasks, "agent": subjects.workers}.get(kind, subjects.documents)
    subject = resources.get(announcement.subject)
    return None if subject is None else _BUILDERS[kind](announcement, subject, subjects)


def to_json(value: CamelSchema) -> Json:
    """The value as the JSON of the API."""
    return value.model_dump(mode="json", by_alias=True)


# Tasks


def _task(announcement: Announcement, task: Task, subjects: Subjects) -> Payload:
    data = task_json(task, subjects) | _announced_status(announcement)
    return Payload(data, _task_about(task, data), _task_recipients(announcement, task, data))


def task_json(task: Task, subjects: Subjects) -> Json:
    """The task as in lists, with `agent` as in the document's payload (coordinaitor.md, "Webhook Payload")."""
    data = to_json(TaskRow.from_task(task, subjects.names))
    agent = data["assignedAgent"]
    return data | {"agent": agent and {"id": agent["id"], "name": agent["name"]}}


def _announced_status(announcement: Announcement) -> Json:
    """The status that was announced: the task may have another one now."""
    if announcement.now is None:
        return {}
    status = TASK_STATUS[PHASES[Status(announcement.now)]]
    if status == "completed" and announcement.was is None:
        return {"status": status}  # another field of a completed task changed
    return {"status": status, "completedAt": clock.iso(announcement.at) if status == "completed" else None}


def _task_about(task: Task, data: Json) -> About:
    return {
        "taskId": task.id,
        "projectId": task_project(task),
        "agentId": task.assignee,
        "status": data["status"],
        "priority": data["priority"],
        "createdBy": task.submitted_by,
        "type": task.type,
    }


def _task_recipients(announcement: Announcement, task: Task, data: Json) -> dict[str, str]:
    """The users to notify: the creator of an assigned, overdue or failed task, and who works on an overdue one."""
    title, agent = data["title"], data["agent"]
    texts = {
        Topic.TASK_ASSIGNED: f"'{title}' was assigned to {agent['name'] if agent else 'somebody'}",
        Topic.TASK_OVERDUE: f"'{title}' is overdue",
        Topic.TASK_FAILED: f"'{title}' failed",
    }
    concerned = [task.submitted_by, task.person if announcement.topic is Topic.TASK_OVERDUE else None]
    return {user: texts[announcement.topic] for user in concerned if user is not None and announcement.topic in texts}


# Agents, projects, people


def _agent(announcement: Announcement, worker: Worker, subjects: Subjects) -> Payload:
    data = to_json(AgentOut.from_worker(worker, subjects.figures[worker.id]))
    # The announced status: the agent may have another one now.
    status = (
        announcement.now if announcement.topic is Topic.AGENT_STATUS_CHANGED and announcement.now else data["status"]
    )
    data |= {"status": status} | ({"previousStatus": announcement.was} if announcement.was else {})
    return Payload(data, {"agentId": worker.id, "status": status, "type": worker.type})


def _project(announcement: Announcement, project: Document, subjects: Subjects) -> Payload:  # noqa: ARG001 - all builders have the same parameters
    data = to_json(ProjectRow.from_project(project, subjects.tallies[project.id]))
    return Payload(data, {"projectId": project.id, "status": data["status"]})


def _user(announcement: Announcement, user: Document, subjects: Subjects) -> Payload:  # noqa: ARG001
    names = ("email", "name", "role")
    return Payload({"id": user.id, **{name: user.body.get(name) for name in names}})


def _member(announcement: Announcement, subjects: Subjects) -> Payload | None:
    user, project = subjects.documents.get(announcement.subject), subjects.documents.get(announcement.within or "")
    if user is None or project is None:
        return None
    name = project.body["name"]
    data = {"id": project.id, "name": name, "member": {"id": user.id, "name": user.body.get("name")}}
    return Payload(data, {"projectId": project.id}, {user.id: f"You are now a member of the project '{name}'"})


def _comment(announcement: Announcement, comment: Document, subjects: Subjects) -> Payload | None:
    task = subjects.tasks.get(announcement.within or "")
    if task is None:
        return None
    row, content = task_json(task, subjects), comment.body["content"]
    data = {
        "id": comment.id,
        "taskId": task.id,
        "content": content,
        "author": comment.body.get("author"),
        "mentions": list(comment.body.get("mentions") or ()),
        "task": {"id": task.id, "title": row["title"]},
        "project": row["project"],
    }
    text = f"You were mentioned on '{row['title']}'"
    return Payload(data, _task_about(task, row), dict.fromkeys(data["mentions"], text))


def _webhook(announcement: Announcement, webhook: Document, subjects: Subjects) -> Payload:  # noqa: ARG001
    url, reason = webhook.body["url"], webhook.body.get("disabledReason")
    text = f"The webhook to {url} was disabled: {_DISABLED_REASONS.get(str(reason), reason)}"
    return Payload(
        {"id": webhook.id, "url": url, "reason": reason}, NO_RECIPIENTS, dict.fromkeys(subjects.admins, text)
    )


_DISABLED_REASONS = {"gone": "it answered 410 Gone", "failing": "nothing has arrived there for five days"}

_BUILDERS: Mapping[str, Any] = {
    "task": _task,
    "agent": _agent,
    "project": _project,
    "user": _user,
    "comment": _comment,
    "webhook": _webhook,
}
