"""The tasks that people manage: created, changed, assigned, reported on, deleted. Each is one conditional write, whose
transaction checks that the project and the agent that it names are there."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.domain.tasks.task_fields import fields_of, project_of
from chalicelib.engine.documents import background_jobs, optimistic
from chalicelib.engine.documents.optimistic import Precondition, StaleRead
from chalicelib.engine.projects import task_edit_rules
from chalicelib.engine.projects.task_edit_rules import TOTAL_SECONDS, Edit
from chalicelib.engine.tasks import lifecycle, payloads, submission
from chalicelib.engine.tasks.lifecycle import Decision
from chalicelib.engine.tasks.submission import Submission
from chalicelib.errors import InvalidRequest
from chalicelib.observability import logger
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.documents import documents as document_storage
from chalicelib.storage.tasks import tasks as storage
from chalicelib.storage.workers import workers as worker_storage

ATTEMPT_SECONDS = 86_400
"""How long an agent may take for one attempt."""
LARGEST_SHEET = 100_000
"""Bytes of all that a task says, as JSON: so that it stands in the task's own item, and a page is read at once."""
RELAYED_WITHIN_SECONDS = 120
"""What follows from a change is written within a few seconds; after so long, even where the relay had to try again."""

Guard = Callable[[str | None], None]
"""Raises Forbidden unless the caller may change tasks of this project, or of none."""


class Draft(NamedTuple):
    """A task to be created."""

    sheet: Mapping[str, Any]
    type: str
    priority: int
    agent: str | None = None
    idempotency_key: str | None = None
    id: str | None = None  # known beforehand; else a new one


def create(org: str, pool: str, by: str, draft: Draft) -> Task:
    """Accept a task. One call. Raises InvalidRequest where its project or agent is not there, IdempotencyMismatch."""
    _require_small(draft.sheet)
    asked = Submission(
        pool=pool,
        type=draft.type,
        priority=draft.priority,
        manual=task_edit_rules.waits(pool, draft.agent),
        wanted_worker=draft.agent,
        timeout_seconds=ATTEMPT_SECONDS,
        total_seconds=TOTAL_SECONDS,
        idempotency_key=draft.idempotency_key,
        id=draft.id,
        **fields_of(draft.sheet, by),
    )
    return submission.submit(org, by, asked, _there(org, pool, draft.sheet.get("projectId"), draft.agent))


def change(org: str, pool: str, task_id: str, edit: Edit, by: str, guard: Guard) -> Task:
    """Change a task in a person's name, all of it or nothing. Two calls. Raises NotFound, Conflict, InvalidRequest."""
    return _change(org, pool, task_id, lambda task: task_edit_rules.changed(task, edit, by, clock.now()), guard, by=by)


def assign(org: str, pool: str, task_id: str, edit: Edit, by: str, guard: Guard) -> Task:
    """Give a task to the edit's agent, or take it from its agent. Two calls. Raises what `change` raises."""
    return _change(org, pool, task_id, lambda task: task_edit_rules.given(task, edit, clock.now()), guard, by=by)


def report(org: str, pool: str, task_id: str, edit: Edit, holder: Holder, guard: Guard) -> Task:
    """Take the report of the agent that holds a task. Two calls.

    Raises NotFound, LeaseLost, Conflict, and InvalidRequest for what is not an agent's to say.
    """
    _require_report(edit)
    return _change(
        org, pool, task_id, lambda task: task_edit_rules.reported(task, edit, holder, clock.now()), guard, told=False
    )


def _require_report(edit: Edit) -> None:
    names = [*edit.sheet, *["priority"] * (edit.priority is not None), *["agentId"] * edit.assigns]
    if names:
        what = "is not the agent's to say: send it without agentId in the query"
        raise InvalidRequest(f"{names[0]}: {what}", fields=dict.fromkeys(names, what))


def _change(
    org: str, pool: str, task_id: str, rule: Decision, guard: Guard, *, by: str | None = None, told: bool = True
) -> Task:
    def decide(task: Task) -> Task:
        guard(project_of(task))
        new = rule(task)
        guard(project_of(new))
        _require_small(new.payload)
        return new

    end = lifecycle.LeaseEnd(told=told, reported=True)
    return lifecycle.change(org, task_id, decide, pool=pool, by=by, end=end, preconditions=_newly_named)


def placed(org: str, pool: str, task_id: str, edit: Edit, result: Any) -> Edit:
    """The edit with a result, put where it belongs; one call for a result over 100 KB."""
    value, reference = payloads.store_if_large(payloads.s3_prefix(org, pool, task_id, "result"), result)
    return edit._replace(outcome=edit.outcome._replace(result=value, result_ref=reference))


def delete(org: str, pool: str, task_id: str, by: str, guard: Guard, reason: str | None = None) -> None:
    """Remove a task; one that has not ended is cancelled first, and whoever holds it is told to stop.

    Three calls. What belongs to it goes by a chore. A deletion that was cut short is finished by the next one. Raises
    NotFound.
    """

    def decide(task: Task) -> Task:
        guard(project_of(task))
        if not task.terminal:
            return transitions.cancelled(task, clock.now())
        # Whoever is told of the deletion is told who did it: the change before says so.
        return task if task.changed_by == by else transitions.edited(task, clock.now())

    def attempt() -> None:
        ended = lifecycle.change(org, task_id, decide, pool=pool, by=by)
        try:
            storage.commit([storage.delete_write(ended), _clearing(ended)])
        except ConditionFailed:
            raise StaleRead from None

    optimistic.retry(attempt)
    logger().info("Task deleted", extra={"org": org, "task_id": task_id, "by": by, "reason": reason})


def _clearing(task: Task) -> Write:
    # Later, since the relay may still have to write what became of the task.
    return background_jobs.create_write(task.org, "task", task.id, wait_seconds=RELAYED_WITHIN_SECONDS, pool=task.pool)


def _newly_named(old: Task, new: Task) -> list[Precondition]:
    project = project_of(new) if project_of(new) != project_of(old) else None
    agent = new.wanted_worker if new.wanted_worker != old.wanted_worker else None
    return _there(new.org, new.pool, project, agent)


def _there(org: str, pool: str, project: str | None, agent: str | None) -> list[Precondition]:
    """That the project and the agent, where they are named, exist."""
    found = []
    if project is not None:
        check, error = document_storage.exists_check(org, "project", project), _missing("projectId", "project", project)
        found.append(Precondition(check, error))
    if agent is not None:
        check, error = worker_storage.exists_check(org, pool, agent), _missing("agentId", "agent", agent)
        found.append(Precondition(check, error))
    return found


def _missing(field: str, kind: str, identifier: str) -> InvalidRequest:
    what = f"there is no {kind} {identifier}"
    return InvalidRequest(f"{field}: {what}", fields={field: what})


def _require_small(sheet: Any) -> None:
    if sheet is not None and len(payloads.compact_json(sheet).encode()) > LARGEST_SHEET:
        what = f"must be at most {LARGEST_SHEET} bytes as JSON, together with the rest of the task"
        raise InvalidRequest(f"description: {what}", fields={"description": what})
