"""The rules for edits of tasks by people, and for reports of agents, as pure functions.

Each function takes a task and the time, and returns the next version of the task: named by a participle, as the
transitions are. It returns the same object when nothing changes. People may change the phase of a task so:

    to          from
    active      pending (the person starts it), leased by an agent (the agent has started)
    completed   pending, active
    failed      pending, active
    cancelled   pending, active
    pending     active (whoever holds it is released), failed (with new attempts)

Every other change of phase raises Conflict. When a function raises, no part of the edit applies.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Phase, Status, Task
from chalicelib.domain.tasks.task_fields import content_of, derived_fields
from chalicelib.domain.tasks.transitions import Failure
from chalicelib.engine.tasks import lifecycle, payloads
from chalicelib.engine.tasks.lanes import lane_name
from chalicelib.errors import Conflict

TOTAL_TIMEOUT_S = 5 * 365 * 86_400
"""Time limit of a task from its submission to its end."""


class Outcome(NamedTuple):
    """The result or the failure that a task ends with."""

    result: Any = None
    result_ref: str | None = None
    failure: Failure = reported_failure(None)


NO_OUTCOME = Outcome()


class Edit(NamedTuple):
    """Changes of a task. Fields that are not named stay as they are; a field that is None is cleared."""

    fields: Mapping[str, Any] = {}  # of its description (domain/tasks/task_fields.py)
    metadata: Mapping[str, Any] = {}
    priority: int | None = None
    progress: float | None = None  # percent
    is_assignment: bool = False
    agent: str | None = None  # of an assignment: the agent, or None for no agent
    phase: Phase | None = None  # to move the task to
    is_claim: bool = False  # to HELD only if no other person works on the task
    outcome: Outcome = NO_OUTCOME


def edited(task: Task, edit: Edit, person: str, now: int) -> Task:
    """The task after a person's edit, as one version. Raises Conflict."""
    new = task
    # A task that returns to pending must be assigned even to its present holder, or it would wait for nobody.
    if edit.is_assignment and (edit.agent != task.assignee or (edit.phase is Phase.PENDING and task.is_held)):
        new = assigned(new, edit.agent, now)
    if edit.is_claim and edit.phase is Phase.HELD and task.is_held and task.person not in (None, person):
        raise Conflict(f"{task.person} already works on task {task.id}")
    if edit.phase is not None:
        new = moved(new, edit.phase, person, now, edit.outcome)
    return as_one_version(task, described(new, edit, now))


def reassigned(task: Task, edit: Edit, now: int) -> Task:
    """The task assigned to the edit's agent, whoever holds it, as one version. Raises Conflict when it has ended."""
    return as_one_version(task, described(assigned(task, edit.agent, now), edit, now))


def reported(task: Task, edit: Edit, holder: Holder, now: int) -> Task:
    """The task after a report by the agent that holds it, as one version.

    A repetition of the report that ended it changes nothing. Raises LeaseLost, Conflict.
    """
    if _is_repeated_report(task, edit, holder):
        return task
    transitions.require_holder(task, holder)
    return as_one_version(task, described(_after_report(task, edit, now), edit._replace(progress=None), now))


def as_one_version(old: Task, new: Task) -> Task:
    """The new task with the version that follows the old one's; the old one when nothing has changed."""
    return new if new is old else replace(new, version=old.version + 1)


def moved(task: Task, to: Phase, person: str, now: int, outcome: Outcome = NO_OUTCOME) -> Task:
    """The task moved to a phase by a person. Raises Conflict for a change that the table above does not have."""
    if task.phase is to and task.status is not Status.LEASED:
        return task
    match to:
        case Phase.HELD:
            return transitions.started(task, now) if task.is_held else transitions.begun_by_person(task, person, now)
        case Phase.COMPLETED:
            return _completed(_attributed(task, person), now, outcome)
        case Phase.FAILED:
            return transitions.failed_by_owner(
                _attributed(task, person), outcome.failure, now, lifecycle.retry_backoff()
            )
        case Phase.CANCELLED:
            return transitions.cancelled(_attributed(task), now)
        case Phase.PENDING:
            return (
                transitions.released(task, now)
                if task.is_held
                else transitions.replayed(task, now, TOTAL_TIMEOUT_S * clock.SECOND)
            )


def _completed(task: Task, now: int, outcome: Outcome) -> Task:
    if task.is_terminal:
        raise Conflict(f"Task {task.id} is {task.status}: only a pending or active task can be completed")
    return transitions.completed(task, now, outcome.result, outcome.result_ref)


def _attributed(task: Task, person: str | None = None) -> Task:
    """The task about to end, attributed to who ends it.

    Where no agent holds it, it is ended by this person, or by the person who works on it. It then counts for the agent
    that it is assigned to, and not for an agent that held it before.
    """
    if task.is_held_by_worker or task.is_terminal:
        return task
    return transitions.in_name_of_wanted_worker(
        replace(task, worker_id=None, person=task.person if task.is_held else person)
    )


def assigned(task: Task, agent: str | None, now: int) -> Task:
    """The task assigned to this agent, or to none. Another agent or a person who holds it is released.

    Raises Conflict when it has ended.
    """
    if task.is_terminal:
        raise Conflict(f"Task {task.id} is {task.status}: only a pending or active task can be assigned")
    is_released = task.worker_id != agent if task.is_held_by_worker else task.is_held and agent is not None
    if not is_released and task.wanted_worker == agent:
        return task
    return transitions.edited(
        transitions.released(task, now, ReleaseReason.REASSIGNED) if is_released else task,
        now,
        wanted_worker=agent,
        manual=is_manual(task.pool, agent),
        lane=lane_name(task.needs._replace(worker=agent)),
    )


def is_manual(pool: str, agent: str | None) -> bool:
    """Whether a task assigned to this agent, or to none, waits until a person starts or assigns it."""
    return agent is None and pool not in settings().auto_assign


def described(task: Task, edit: Edit, now: int) -> Task:
    """The task with the edited fields applied. Raises Conflict for another progress of a completed task."""
    changes: dict[str, Any] = {}
    fields, metadata = _merged(content_of(task), edit.fields), _merged(task.metadata or {}, edit.metadata)
    if fields != content_of(task):
        changes |= derived_fields(fields, task.submitted_by)
    if metadata != (task.metadata or {}):
        changes["metadata"] = metadata or None
    if edit.priority not in (None, task.priority):
        changes["priority"] = edit.priority
    if _has_new_progress(task, edit):
        changes["progress"] = edit.progress
    return transitions.edited(task, now, **changes) if changes else task


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**old, **new}.items() if value is not None}


def _has_new_progress(task: Task, edit: Edit) -> bool:
    """Whether the edit changes the progress. A completed task has progress 1, whatever the edit says."""
    if edit.progress in (None, task.progress or 0) or edit.phase is Phase.COMPLETED:
        return False
    if task.status is Status.COMPLETED:
        raise Conflict(f"Task {task.id} is completed: its progress is 1")
    return True


def _after_report(task: Task, edit: Edit, now: int) -> Task:
    match edit.phase:
        case None | Phase.HELD:
            return transitions.progressed(task, now, edit.progress)
        case Phase.COMPLETED:
            return transitions.completed(task, now, edit.outcome.result, edit.outcome.result_ref)
        case Phase.FAILED:
            return transitions.attempt_failed(
                task, edit.outcome.failure, now, lifecycle.retry_backoff(), ids.fraction()
            )
        case Phase.PENDING:
            return transitions.released(task, now)
        case Phase.CANCELLED:
            raise Conflict(f"An agent cannot cancel task {task.id}: report it as pending to release it, or as failed")


def _is_repeated_report(task: Task, edit: Edit, holder: Holder) -> bool:
    if not task.is_terminal or task.phase is not edit.phase or not transitions.is_last_holder(task, holder):
        return False
    if edit.phase is Phase.FAILED:
        return task.error == edit.outcome.failure.error
    same = task.result_ref == edit.outcome.result_ref
    if same and payloads.digest(task.result) == payloads.digest(edit.outcome.result):
        return True
    raise Conflict(f"Task {task.id} is already completed with another result")
