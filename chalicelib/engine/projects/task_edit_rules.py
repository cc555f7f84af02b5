"""What people may do with a task, as pure decisions: move it on, assign it, say something else of it; and what an agent
may report of one. Each takes a task and the present, and answers the task as it must be next, or the same task when
nothing changes.

    to          from
    active      pending (the person begins it), leased by an agent (it has begun)
    completed   pending, active
    failed      pending, active
    cancelled   pending, active
    pending     active (whoever holds it lets go), failed (with fresh attempts)

Every other move is a Conflict, and where a decision raises, nothing at all is changed.
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
from chalicelib.domain.tasks.task_fields import fields_of, sheet_of
from chalicelib.domain.tasks.transitions import Failure
from chalicelib.engine.tasks import lifecycle, payloads, submission
from chalicelib.errors import Conflict

TOTAL_SECONDS = 5 * 365 * 86_400
"""How long a task of people's may take in all."""


class Outcome(NamedTuple):
    """What comes with a task's end."""

    result: Any = None
    result_ref: str | None = None
    failure: Failure = reported_failure(None)


NOTHING = Outcome()


class Edit(NamedTuple):
    """What is said anew of a task. Names that are not said stay as they are; a name that is None is cleared."""

    sheet: Mapping[str, Any] = {}  # of what the task says (domain.sheets)
    notes: Mapping[str, Any] = {}  # of its metadata
    priority: int | None = None
    progress: float | None = None  # percent
    assigns: bool = False
    agent: str | None = None  # where it assigns: to this agent, or to none
    move: Phase | None = None
    claims: bool = False  # a move to held is the person's own: refused where somebody else has begun
    outcome: Outcome = NOTHING


def changed(task: Task, edit: Edit, person: str, now: int) -> Task:
    """The task after a person's edit, as one change. Raises Conflict."""
    new = task
    # Whoever holds a task that goes back to waiting must be named, or the task would wait for nobody.
    if edit.assigns and (edit.agent != task.assignee or (edit.move is Phase.PENDING and task.held)):
        new = assigned(new, edit.agent, now)
    if edit.claims and edit.move is Phase.HELD and task.held and task.person not in (None, person):
        raise Conflict(f"Task {task.id} is {task.person}'s, who works on it")
    if edit.move is not None:
        new = moved(new, edit.move, person, now, edit.outcome)
    return _as_one(task, described(new, edit, now))


def given(task: Task, edit: Edit, now: int) -> Task:
    """The task given to the edit's agent, whoever has it, as one change. Raises Conflict when it has ended."""
    return _as_one(task, described(assigned(task, edit.agent, now), edit, now))


def reported(task: Task, edit: Edit, holder: Holder, now: int) -> Task:
    """The task after a report by the agent that holds it, as one change. The report by which it ended, made again,
    changes nothing. Raises LeaseLost, Conflict."""
    if _reported_before(task, edit, holder):
        return task
    transitions.require_holder(task, holder)
    return _as_one(task, described(_report(task, edit, now), edit._replace(progress=None), now))


def _as_one(old: Task, new: Task) -> Task:
    return new if new is old else replace(new, version=old.version + 1)


def moved(task: Task, to: Phase, person: str, now: int, outcome: Outcome = NOTHING) -> Task:
    """Moved on by a person. Raises Conflict where the table above has no such move."""
    if task.phase is to and task.status is not Status.LEASED:
        return task
    match to:
        case Phase.HELD:
            return transitions.started(task, now) if task.held else transitions.taken(task, person, now)
        case Phase.COMPLETED:
            return _completed(_left(task, person), now, outcome)
        case Phase.FAILED:
            return transitions.given_up(_left(task, person), outcome.failure, now, lifecycle.retry_backoff())
        case Phase.CANCELLED:
            return transitions.cancelled(_left(task), now)
        case Phase.PENDING:
            return (
                transitions.released(task, now)
                if task.held
                else transitions.replayed(task, now, TOTAL_SECONDS * clock.SECOND)
            )


def _completed(task: Task, now: int, outcome: Outcome) -> Task:
    if task.terminal:
        raise Conflict(f"Task {task.id} is {task.status}: only a pending or active task can be completed")
    return transitions.completed(task, now, outcome.result, outcome.result_ref)


def _left(task: Task, person: str | None = None) -> Task:
    """As it ends: where no agent holds it, by this person or who works on it, and in the name of the agent that it
    names, no longer of whoever held it once."""
    if task.leased_out or task.terminal:
        return task
    return transitions.in_name(replace(task, worker_id=None, person=task.person if task.held else person))


def assigned(task: Task, agent: str | None, now: int) -> Task:
    """To be done by this agent, or by none until somebody says so; another who holds it lets go. Raises Conflict when
    it has ended."""
    if task.terminal:
        raise Conflict(f"Task {task.id} is {task.status}: only a pending or active task can be assigned")
    lets_go = task.worker_id != agent if task.leased_out else task.held and agent is not None
    if not lets_go and task.wanted_worker == agent:
        return task
    return transitions.edited(
        transitions.released(task, now, ReleaseReason.REASSIGNED) if lets_go else task,
        now,
        wanted_worker=agent,
        manual=waits(task.pool, agent),
        lane=submission.lane_name(task.capabilities, task.group, agent, task.permit),
    )


def waits(pool: str, agent: str | None) -> bool:
    """Whether a task with this agent, or none, waits until somebody begins it or assigns it."""
    return agent is None and pool not in settings().auto_assign


def described(task: Task, edit: Edit, now: int) -> Task:
    """Said anew what is said. Raises Conflict for another progress of a completed task."""
    changes: dict[str, Any] = {}
    sheet, notes = _merged(sheet_of(task), edit.sheet), _merged(task.metadata or {}, edit.notes)
    if sheet != sheet_of(task):
        changes |= fields_of(sheet, task.submitted_by)
    if notes != (task.metadata or {}):
        changes["metadata"] = notes or None
    if edit.priority not in (None, task.priority):
        changes["priority"] = edit.priority
    if _further(task, edit):
        changes["progress"] = edit.progress
    return transitions.edited(task, now, **changes) if changes else task


def _merged(old: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**old, **said}.items() if value is not None}


def _further(task: Task, edit: Edit) -> bool:
    """Whether its progress is another. What is completed is done, whatever else came along."""
    if edit.progress in (None, task.progress or 0) or edit.move is Phase.COMPLETED:
        return False
    if task.status is Status.COMPLETED:
        raise Conflict(f"Task {task.id} is completed: its progress is 1")
    return True


def _report(task: Task, edit: Edit, now: int) -> Task:
    match edit.move:
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
            raise Conflict(f"Task {task.id} is not its agent's to cancel: release it as pending, or report failed")


def _reported_before(task: Task, edit: Edit, holder: Holder) -> bool:
    if not task.terminal or task.phase is not edit.move or not transitions.held_last(task, holder):
        return False
    if edit.move is Phase.FAILED:
        return task.error == edit.outcome.failure.error
    same = task.result_ref == edit.outcome.result_ref
    if same and payloads.digest(task.result) == payloads.digest(edit.outcome.result):
        return True
    raise Conflict(f"Task {task.id} was completed before with another result")
