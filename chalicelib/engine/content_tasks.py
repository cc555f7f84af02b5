"""Content tasks: what somebody wants written. Their owner moves them; no worker gets one.

The brief of a task is its payload: `topic`, `primary_keyword`, `target_audience`, `category`, `assigned_to`, each left
out where it is not given, and `task_metadata`, an object of the owner's own.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.search.query import Query, Sort
from chalicelib.domain.statistics import counters
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.pools import EXECUTIONS_POOL
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.engine.documents.optimistic import Precondition
from chalicelib.engine.projects import task_edit_rules, task_edits
from chalicelib.engine.projects.task_edit_rules import TOTAL_TIMEOUT_S
from chalicelib.engine.search import search
from chalicelib.engine.search.search import Page
from chalicelib.engine.tasks import lifecycle, payloads, submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.statistics import counters as counter_storage
from chalicelib.storage.tasks import tasks as storage

POOL = "studio"
TYPE = "content"
PRIORITY = 5
METADATA = "task_metadata"
ORCHESTRATOR = "orchestrator"
"""Who works on a task that a workflow does, in the place of a person."""
FIELDS = ("topic", "primary_keyword", "target_audience", "category", "assigned_to")
"""The fields of a brief, beside its metadata."""
STATUS_WORDS = {
    Phase.PENDING: "pending",
    Phase.HELD: "in_progress",
    Phase.COMPLETED: "completed",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "cancelled",
}
"""The words of its owner for the phases."""
MAX_BRIEF_BYTES = 90_000
"""Size limit of a brief as JSON: it is stored in the task's item, so a page of tasks needs two calls."""
LIST_ORDER = (Phase.PENDING, Phase.HELD, Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED)
"""The order of a list that is sorted by status."""
SUMMARY_DAYS = 100
"""UTC days over which the time to completion is averaged: one call."""

Brief = Mapping[str, Any]


class Edit(NamedTuple):
    """A change of a task. What is not named stays; a field, or a key of the metadata, that is None is removed."""

    phase: Phase | None = None
    name: str | None = None
    fields: Mapping[str, Any] = {}
    metadata: Mapping[str, Any] = {}


class Summary(NamedTuple):
    """The tasks of an org by phase, and how long they took."""

    by_phase: Mapping[Phase, int]
    average_seconds: int | None
    """From creation to completion, of the tasks completed in the last SUMMARY_DAYS days; None without any."""

    @property
    def total(self) -> int:
        return sum(self.by_phase.values())

    def share(self, *phases: Phase) -> float | None:
        """The completed tasks as a share (0-1) of the tasks of these phases, of all without any; None of none."""
        whole = sum(self.by_phase[phase] for phase in phases or Phase)
        return round(self.by_phase[Phase.COMPLETED] / whole, 4) if whole else None


def create(
    org: str, by: str, name: str, brief: Brief, *, idempotency_key: str | None = None, id: str | None = None
) -> Task:
    """Accept a task. One call. Raises InvalidRequest for a brief that is too large, IdempotencyMismatch."""
    _require_size(brief)
    wanted = Submission(
        pool=POOL,
        type=TYPE,
        label=TYPE,
        priority=PRIORITY,
        name=name,
        payload=dict(brief),
        manual=True,
        total_seconds=TOTAL_TIMEOUT_S,
        idempotency_key=idempotency_key,
        id=id,
    )
    return submission.submit(org, by, wanted)


def brief_of(task: Task) -> dict[str, Any]:
    """The brief of a task."""
    return task.payload if isinstance(task.payload, dict) else {}


def change(org: str, task_id: str, edit: Edit, by: str) -> Task:
    """Apply an edit, all of it or nothing. Two calls. A workflow that does a task which its owner ends is cancelled
    soon. Raises NotFound, InvalidRequest, and Conflict for a move that the table of engine.projects.task_edit_rules
    does not have."""

    def decide(task: Task) -> Task:
        new = edited(task, edit, by, clock.now())
        _require_size(brief_of(new))
        return new

    return lifecycle.change(org, task_id, decide, pool=POOL, by=by)


def edited(task: Task, edit: Edit, by: str, now: int) -> Task:
    """The task after an edit, as one version; the same task when nothing changes. Raises Conflict."""
    new = task if edit.phase is None else task_edit_rules.moved(task, edit.phase, by, now)
    brief = _merged(brief_of(task), edit.fields)
    brief |= {METADATA: _merged(brief.get(METADATA, {}), edit.metadata)}
    name = task.name if edit.name is None else edit.name
    if (name, brief) != (task.name, {METADATA: {}, **brief_of(task)}):
        new = transitions.edited(new, now, name=name, payload=brief)
    new = task_edit_rules.as_one_version(task, new)
    return new if by == ORCHESTRATOR else leaving_workflow(task, new)


def leaving_workflow(old: Task, new: Task) -> Task:
    """The changed task; due at once where it ends while a workflow does it, or may just have begun to:
    `cancel_workflow` follows, however often its messages are lost."""
    may_have_one = old.phase is Phase.PENDING or (old.phase is Phase.HELD and old.person == ORCHESTRATOR)
    return replace(new, wake_at=new.updated_at) if may_have_one and new.is_terminal else new


def execution_id(task: Task, number: int) -> str:
    """The id of the execution that does a task for the n-th time that the task is begun."""
    return ids.derived("task", task.org, EXECUTIONS_POOL, task.id, str(number))


def cancel_workflow(task: Task) -> None:
    """Cancel what does a task that has ended, unless the task was changed since it was read. Again it changes nothing.
    Two calls, and one for each execution that is cancelled."""
    unchanged = Precondition(storage.version_check(task), Conflict(f"Task {task.id} has changed"))
    # A request that died had begun the execution and not the task.
    for number in (task.epoch, task.epoch + 1):
        with suppress(Conflict, NotFound):
            lifecycle.change(
                task.org,
                execution_id(task, number),
                lambda execution: transitions.cancelled(execution, clock.now()),
                pool=EXECUTIONS_POOL,
                by=task.changed_by,
                preconditions=lambda *_: [unchanged],
            )


def _merged(old: Brief, new: Brief) -> dict[str, Any]:
    return {name: value for name, value in {**old, **new}.items() if value is not None}


def _require_size(brief: Brief) -> None:
    if len(payloads.compact_json(brief).encode()) > MAX_BRIEF_BYTES:
        what = f"must be at most {MAX_BRIEF_BYTES} bytes as JSON, together with the rest of the task"
        raise InvalidRequest(f"{METADATA}: {what}", fields={METADATA: what})


def delete(org: str, task_id: str, by: str) -> None:
    """Delete a task, whatever its state, and cancel the workflow that does it. Five calls, six for a task that has not
    ended. Raises NotFound."""
    ended = _ended(org, task_id, by)
    if ended.wake_at is not None:  # no wakeup finds a task that is deleted
        cancel_workflow(ended)
    task_edits.delete(org, POOL, task_id, by, guard=lambda _: None)


def _ended(org: str, task_id: str, by: str) -> Task:
    """The task, which is cancelled if it had not ended."""
    try:
        return change(org, task_id, Edit(Phase.CANCELLED), by)
    except Conflict:
        return lifecycle.get(org, task_id, POOL)


def find_page(
    org: str, phase: Phase | None, sort: Sort | None, limit: int, offset: int, *, is_reversed: bool = False
) -> Page:
    """A page of tasks, newest first by this sort, or in LIST_ORDER without one; the other way round if `is_reversed`.
    The list follows the tasks within about a second.

    Two calls; by status one more, and two for each status on the page. Raises InvalidRequest for a page that is too far
    from both ends.
    """
    if sort is None and phase is None:
        return _find_page_by_status(org, limit, offset, is_reversed)
    phases = None if phase is None else frozenset({phase})
    query = Query(phases=phases, sort=sort or "created", ascending=is_reversed)
    return search.find_page(org, POOL, query, limit=limit, offset=offset)


def _find_page_by_status(org: str, limit: int, offset: int, is_reversed: bool) -> Page:
    counts = _count_by_phase(org)
    order = LIST_ORDER[::-1] if is_reversed else LIST_ORDER
    pages = [
        search.find_page(org, POOL, Query(phases=frozenset({phase}), ascending=is_reversed), limit=count, offset=skip)
        for phase, skip, count in parts_of_page(order, counts, limit, offset)
    ]
    return Page([task for page in pages for task in page.tasks], sum(counts.values()), None)


def parts_of_page(
    order: Sequence[Phase], counts: Mapping[Phase, int], limit: int, offset: int
) -> Iterator[tuple[Phase, int, int]]:
    """(phase, how many of its tasks to pass over, how many to show) of a page of all tasks in this order of phases."""
    for phase in order:
        shown = max(0, min(limit, counts[phase] - offset))
        if shown:
            yield phase, offset, shown
        limit, offset = limit - shown, max(0, offset - counts[phase])


def _count_by_phase(org: str) -> dict[Phase, int]:
    return search.count_by_phase(org, POOL, "label", [TYPE])[TYPE]


def summarize(org: str) -> Summary:
    """Count the tasks of an org, as their list does, and measure how long they took. Two calls."""
    today = counters.day_of(clock.now())
    days = [counters.day_partition(org, POOL, day) for day in range(today - SUMMARY_DAYS + 1, today + 1)]
    rows = counter_storage.find_many([(day, counters.label_row(TYPE)) for day in days])
    took = counters.total(rows.values())
    return Summary(_count_by_phase(org), round(took.whole_average_ms / clock.SECOND) if took["wholes"] else None)
