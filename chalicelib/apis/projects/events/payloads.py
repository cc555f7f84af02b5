"""How the projects API words what happened: the resource as the API shows it, whom it concerns, what it is found by.

The engine imports it: it stays light.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, NamedTuple

from chalicelib.apis.projects.access import NAME
from chalicelib.apis.projects.agents.schemas import AgentOut
from chalicelib.apis.projects.projects.schemas import ProjectRow
from chalicelib.apis.projects.states import TASK_STATUS
from chalicelib.apis.projects.tasks.schemas import TaskRow
from chalicelib.domain.changes import public_events
from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.domain.document import Document
from chalicelib.domain.tasks.task import PHASES, Status, Task
from chalicelib.domain.tasks.task_fields import project_of
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import CamelSchema
from chalicelib.engine.events import event_subjects
from chalicelib.engine.events.event_subjects import Subjects
from chalicelib.engine.live import frames
from chalicelib.observability import count, logger

Json = dict[str, Any]
About = Mapping[str, str | None]
NOBODY: Mapping[str, str] = MappingProxyType({})


class Wording(NamedTuple):
    """One announcement in this API's words."""

    data: Json
    about: About = NOBODY
    recipients: Mapping[str, str] = NOBODY


def herald(org: str, found: Sequence[Announcement]) -> list[PublicEvent]:
    """What happened, as this API shows it now. What is gone meanwhile is told of as deleted, by its id; what happened
    to it before is not told any more."""
    known = event_subjects.find(org, NAME, found)
    worded = [(said, _worded_or_left_out(said, known)) for said in found]
    return [_fact(said, wording, known) for said, wording in worded if wording is not None]


def _fact(said: Announcement, wording: Wording, known: Subjects) -> PublicEvent:
    return PublicEvent(
        id=public_events.public_event_id(said),
        org=said.org,
        topic=said.topic,
        at=said.at,
        subject=said.subject,
        version=said.version,
        data=wording.data,
        about={"id": said.subject, **wording.about},
        recipients=wording.recipients,
        organization=known.organization,
        actor=said.actor,
        was=said.was,
        now=said.now,
    )


def _worded_or_left_out(said: Announcement, known: Subjects) -> Wording | None:
    """One that cannot be worded is a defect of ours: it must not hold up all that its org is told afterwards."""
    try:
        return _worded(said, known)
    except Exception as error:  # noqa: BLE001 - logged, and seen in the figures
        logger().error("What happened could not be told", extra={"announcement": asdict(said)}, exc_info=error)
        count("Untold")
        return None


_GONE = frozenset({Topic.TASK_DELETED, Topic.AGENT_DELETED, Topic.PROJECT_DELETED})


def _worded(said: Announcement, known: Subjects) -> Wording | None:
    if said.topic in _GONE:
        return Wording({"id": said.subject})
    if said.topic is Topic.MEMBER_ADDED:
        return _member(said, known)
    kind = said.topic.partition(".")[0]
    shelf: Mapping[str, Any] = {"task": known.tasks, "agent": known.workers}.get(kind, known.documents)
    subject = shelf.get(said.subject)
    return None if subject is None else _WORDS[kind](said, subject, known)


def shown(value: CamelSchema) -> Json:
    """The value as the API answers it."""
    return value.model_dump(mode="json", by_alias=True)


# Tasks


def _task(said: Announcement, task: Task, known: Subjects) -> Wording:
    data = task_shown(task, known) | _then(said)
    return Wording(data, _task_about(task, data), _task_recipients(said, task, data))


def task_shown(task: Task, known: Subjects) -> Json:
    """The task as lists show it, with its agent as the document's payload does (coordinaitor.md, "Webhook Payload")."""
    data = shown(TaskRow.of(task, known.names))
    agent = data["assignedAgent"]
    return data | {"agent": agent and {"id": agent["id"], "name": agent["name"]}}


def _then(said: Announcement) -> Json:
    """The status that was announced, though the task may have moved on since."""
    if said.now is None:
        return {}
    status = TASK_STATUS[PHASES[Status(said.now)]]
    if status == "completed" and said.was is None:
        return {"status": status}  # what changed was something else: it was completed before
    return {"status": status, "completedAt": frames.format_instant(said.at) if status == "completed" else None}


def _task_about(task: Task, data: Json) -> About:
    return {
        "taskId": task.id,
        "projectId": project_of(task),
        "agentId": task.assignee,
        "status": data["status"],
        "priority": data["priority"],
        "createdBy": task.submitted_by,
        "type": task.type,
    }


def _task_recipients(said: Announcement, task: Task, data: Json) -> dict[str, str]:
    """Whoever made the task is told when somebody gets it, when it is late and when it fails; whoever works on it, when
    it is late."""
    title, agent = data["title"], data["agent"]
    texts = {
        Topic.TASK_ASSIGNED: f"'{title}' was assigned to {agent['name'] if agent else 'somebody'}",
        Topic.TASK_OVERDUE: f"'{title}' is overdue",
        Topic.TASK_FAILED: f"'{title}' failed",
    }
    concerned = [task.submitted_by, task.person if said.topic is Topic.TASK_OVERDUE else None]
    return {user: texts[said.topic] for user in concerned if user is not None and said.topic in texts}


# Agents, projects, people


def _agent(said: Announcement, worker: Worker, known: Subjects) -> Wording:
    data = shown(AgentOut.of(worker, known.figures[worker.id]))
    # What it was, when this was announced, may have passed by now.
    status = said.now if said.topic is Topic.AGENT_STATUS_CHANGED and said.now else data["status"]
    data |= {"status": status} | ({"previousStatus": said.was} if said.was else {})
    return Wording(data, {"agentId": worker.id, "status": status, "type": worker.type})


def _project(said: Announcement, project: Document, known: Subjects) -> Wording:  # noqa: ARG001 - all kinds are alike
    data = shown(ProjectRow.of(project, known.tallies[project.id]))
    return Wording(data, {"projectId": project.id, "status": data["status"]})


def _user(said: Announcement, user: Document, known: Subjects) -> Wording:  # noqa: ARG001
    names = ("email", "name", "role")
    return Wording({"id": user.id, **{name: user.body.get(name) for name in names}})


def _member(said: Announcement, known: Subjects) -> Wording | None:
    user, project = known.documents.get(said.subject), known.documents.get(said.within or "")
    if user is None or project is None:
        return None
    name = project.body["name"]
    data = {"id": project.id, "name": name, "member": {"id": user.id, "name": user.body.get("name")}}
    return Wording(data, {"projectId": project.id}, {user.id: f"You are now a member of the project '{name}'"})


def _comment(said: Announcement, comment: Document, known: Subjects) -> Wording | None:
    task = known.tasks.get(said.within or "")
    if task is None:
        return None
    row, content = task_shown(task, known), comment.body["content"]
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
    return Wording(data, _task_about(task, row), dict.fromkeys(data["mentions"], text))


def _webhook(said: Announcement, webhook: Document, known: Subjects) -> Wording:  # noqa: ARG001
    url, reason = webhook.body["url"], webhook.body.get("disabledReason")
    text = f"The webhook to {url} was disabled: {_WHY.get(str(reason), reason)}"
    return Wording({"id": webhook.id, "url": url, "reason": reason}, NOBODY, dict.fromkeys(known.admins, text))


_WHY = {"gone": "it answered 410 Gone", "failing": "nothing has arrived there for five days"}

_WORDS: Mapping[str, Any] = {
    "task": _task,
    "agent": _agent,
    "project": _project,
    "user": _user,
    "comment": _comment,
    "webhook": _webhook,
}
