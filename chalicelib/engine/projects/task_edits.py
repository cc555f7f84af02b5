"""Use cases of managed tasks: create, change, assign, report, delete.

Each is one conditional write. Its transaction checks that the project and the agent that the task names exist.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.domain.tasks.task_fields import derived_fields, task_project
from chalicelib.engine.documents import background_jobs, optimistic
from chalicelib.engine.documents.optimistic import Precondition, StaleRead
from chalicelib.engine.projects import task_edit_rules
from chalicelib.engine.projects.task_edit_rules import TOTAL_TIMEOUT_S, Edit
from chalicelib.engine.tasks import lifecycle, payloads, submission
from chalicelib.engine.tasks.lease_end import LeaseEnd
from chalicelib.engine.tasks.lifecycle import Decision
from chalicelib.engine.tasks.submission import Submission
from chalicelib.errors import InvalidRequest
from chalicelib.observability import logger
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.documents import documents as document_storage
from chalicelib.storage.tasks import tasks as storage
from chalicelib.storage.workers import workers as worker_storage

ATTEMPT_TIMEOUT_S = 86_400
"""Time limit of one attempt of an agent."""
MAX_FIELDS_BYTES = 100_000
"""Size limit of a task's fields as JSON: they are stored in the task's item, so a page of tasks needs one call."""
RELAY_LAG_S = 120
"""Seconds after which the relay has surely processed a change, even after retries; usually it takes a few."""

Guard = Callable[[str | None], None]
"""Raises Forbidden unless the caller may change tasks of this project (None: tasks without a project)."""


class Draft(NamedTuple):
    """A task to be created."""

    fields: Mapping[str, Any]
    type: str
    priority: int
    agent: str | None = None
    idempotency_key: str | None = None
    id: str | None = None  # None: a new id


def create(org: str, pool: str, by: str, draft: Draft) -> Task:
    """Accept a task. One call. Raises InvalidRequest when its project or agent does not exist, IdempotencyMismatch."""
    _require_size(draft.fields)
    submitted = Submission(
        pool=pool,
        type=draft.type,
        priority=draft.priority,
        manual=task_edit_rules.is_manual(pool, draft.agent),
        wanted_worker=draft.agent,
        timeout_seconds=ATTEMPT_TIMEOUT_S,
        total_seconds=TOTAL_TIMEOUT_S,
        idempotency_key=draft.idempotency_key,
        id=draft.id,
        **derived_fields(draft.fields, by),
    )
    return submission.submit(
        org, by, submitted, _references_exist(org, pool, draft.fields.get("projectId"), draft.agent)
    )


def change(org: str, pool: str, task_id: str, edit: Edit, by: str, guard: Guard) -> Task:
    """Apply a person's edit to a task, all of it or nothing. Two calls. Raises NotFound, Conflict, InvalidRequest."""
    return _change(org, pool, task_id, lambda task: task_edit_rules.edited(task, edit, by, clock.now()), guard, by=by)


def assign(org: str, pool: str, task_id: str, edit: Edit, by: str, guard: Guard) -> Task:
    """Assign a task to the edit's agent, or to none. Two calls. Raises as `change` does."""
    return _change(org, pool, task_id, lambda task: task_edit_rules.reassigned(task, edit, clock.now()), guard, by=by)


def report(org: str, pool: str, task_id: str, edit: Edit, holder: Holder, guard: Guard) -> Task:
    """Apply the report of the agent that holds a task. Two calls.

    Raises NotFound, LeaseLost, Conflict, and InvalidRequest for fields that an agent cannot change.
    """
    _require_report(edit)
    return _change(
        org, pool, task_id, lambda task: task_edit_rules.reported(task, edit, holder, clock.now()), guard, told=False
    )


def _require_report(edit: Edit) -> None:
    names = [*edit.fields, *["priority"] * (edit.priority is not None), *["agentId"] * edit.is_assignment]
    if names:
        what = "cannot be changed by an agent: send it without agentId in the query"
        raise InvalidRequest(f"{names[0]}: {what}", fields=dict.fromkeys(names, what))


def _change(
    org: str, pool: str, task_id: str, rule: Decision, guard: Guard, *, by: str | None = None, told: bool = True
) -> Task:
    def decide(task: Task) -> Task:
        guard(task_project(task))
        new = rule(task)
        guard(task_project(new))
        _require_size(new.payload)
        return new

    end = LeaseEnd(tells_worker=told, is_reported=True)
    return lifecycle.change(org, task_id, decide, pool=pool, by=by, end=end, preconditions=_new_references_exist)


def store_result(org: str, pool: str, task_id: str, edit: Edit, result: Any) -> Edit:
    """The edit with this result. A result over 100 KB is put into S3, with one call."""
    value, reference = payloads.store_if_large(payloads.s3_prefix(org, pool, task_id, "result"), result)
    return edit._replace(outcome=edit.outcome._replace(result=value, result_ref=reference))


def delete(org: str, pool: str, task_id: str, by: str, guard: Guard, reason: str | None = None) -> None:
    """Delete a task. A task that has not ended is cancelled first, and its worker is told to stop.

    Three calls. A background job deletes its comments, files and history. Another deletion completes one that was
    interrupted. Raises NotFound.
    """

    def decide(task: Task) -> Task:
        guard(task_project(task))
        if not task.is_terminal:
            return transitions.cancelled(task, clock.now())
        # Subscribers are told who deleted the task: its last change must be by the same caller.
        return task if task.changed_by == by else transitions.edited(task, clock.now())

    def attempt() -> None:
        ended = lifecycle.change(org, task_id, decide, pool=pool, by=by)
        try:
            storage.commit([storage.delete_write(ended), _clear_job_write(ended)])
        except ConditionFailed:
            raise StaleRead from None

    optimistic.retry(attempt)
    logger().info("Task deleted", extra={"org": org, "task_id": task_id, "by": by, "reason": reason})


def _clear_job_write(task: Task) -> Write:
    # Later, because the relay may still have to write the history of the last change.
    return background_jobs.create_write(task.org, "task", task.id, wait_seconds=RELAY_LAG_S, pool=task.pool)


def _new_references_exist(old: Task, new: Task) -> list[Precondition]:
    project = task_project(new) if task_project(new) != task_project(old) else None
    agent = new.wanted_worker if new.wanted_worker != old.wanted_worker else None
    return _references_exist(new.org, new.pool, project, agent)


def _references_exist(org: str, pool: str, project: str | None, agent: str | None) -> list[Precondition]:
    """The preconditions that the named project and agent exist."""
    preconditions = []
    if project is not None:
        check, error = (
            document_storage.exists_check(org, "project", project),
            _does_not_exist("projectId", "project", project),
        )
        preconditions.append(Precondition(check, error))
    if agent is not None:
        check, error = worker_storage.exists_check(org, pool, agent), _does_not_exist("agentId", "agent", agent)
        preconditions.append(Precondition(check, error))
    return preconditions


def _does_not_exist(field: str, kind: str, identifier: str) -> InvalidRequest:
    what = f"there is no {kind} {identifier}"
    return InvalidRequest(f"{field}: {what}", fields={field: what})


def _require_size(fields: Any) -> None:
    if fields is not None and len(payloads.compact_json(fields).encode()) > MAX_FIELDS_BYTES:
        what = f"must be at most {MAX_FIELDS_BYTES} bytes as JSON, together with the rest of the task"
        raise InvalidRequest(f"description: {what}", fields={"description": what})
