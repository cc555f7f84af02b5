"""The rules of edits and reports: the table of changes of phase, and any sequence of them."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Phase, Status, Task
from chalicelib.engine.projects import task_edit_rules
from chalicelib.engine.projects.task_edit_rules import Edit, Outcome
from chalicelib.errors import Conflict, LeaseLost
from tests.domain import samples
from tests.domain.samples import NOW

POOL = "projects"
ADA, BOB = "user_ada", "user_bob"
AGENT = Holder("worker_1")
MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.PENDING: frozenset(Phase),
    Phase.HELD: frozenset(Phase),
    Phase.COMPLETED: frozenset({Phase.COMPLETED}),
    Phase.FAILED: frozenset({Phase.FAILED, Phase.PENDING}),
    Phase.CANCELLED: frozenset({Phase.CANCELLED}),
}
"""From -> the phases that people may move a task to."""
NEED_APPROVAL = frozenset({Phase.HELD, Phase.COMPLETED})
"""The phases that a task does not reach before it is approved."""
REPORTS = frozenset({Phase.HELD, Phase.COMPLETED, Phase.FAILED, Phase.PENDING})


def all_tasks() -> dict[str, Task]:
    taken = transitions.begun_by_person(samples.ready(pool=POOL), ADA, NOW)
    return samples.one_in_each_state() | {"taken": taken, "completed by a person": transitions.completed(taken, NOW)}


@pytest.mark.parametrize("to", Phase)
@pytest.mark.parametrize("name", all_tasks())
def test_a_person_may_make_just_the_moves_of_the_table(name: str, to: Phase) -> None:
    task = all_tasks()[name]
    if to not in MOVES[task.phase] or (task.awaits_approval and to in NEED_APPROVAL):
        with pytest.raises(Conflict, match=task.id):
            task_edit_rules.edited(task, Edit(phase=to, fields={"title": "new"}), BOB, NOW)
        return
    moved = task_edit_rules.edited(task, Edit(phase=to), BOB, NOW)
    assert moved.phase is to
    if task.phase is to and task.status is not Status.LEASED:
        assert moved is task
    else:
        assert moved.version == task.version + 1


def test_who_ended_a_task_is_known() -> None:
    waited = transitions.released(samples.leased(), NOW)
    done = task_edit_rules.edited(waited, Edit(phase=Phase.COMPLETED), ADA, NOW)
    assert (done.person, done.worker_id, done.assignee, done.progress) == (ADA, None, None, 100)
    taken_over = task_edit_rules.edited(samples.running(), Edit(phase=Phase.COMPLETED), ADA, NOW)
    assert (taken_over.person, taken_over.assignee) == (None, "worker_1")
    assert task_edit_rules.edited(waited, Edit(phase=Phase.CANCELLED), ADA, NOW).assignee is None


def test_one_edit_changes_fields_phase_and_assignment_at_once() -> None:
    edit = Edit(
        fields={"title": "new", "tags": ["a"]},
        metadata={"actualHours": 2},
        priority=6,
        progress=40.0,
        is_assignment=True,
        agent="agent_1",
        phase=Phase.HELD,
    )
    task = task_edit_rules.edited(samples.ready(pool=POOL), edit, ADA, NOW + 5)
    assert (task.version, task.name, task.payload) == (2, "new", {"title": "new", "tags": ["a"]})
    assert (task.metadata, task.priority, task.progress) == ({"actualHours": 2}, 6, 40.0)
    assert (task.wanted_worker, task.manual, task.person, task.status) == ("agent_1", False, ADA, Status.RUNNING)
    assert {"tag=a", "word=new"} <= set(task.terms)


def test_a_repeated_edit_changes_nothing() -> None:
    edit = Edit(
        fields={"title": "new"},
        metadata={"actualHours": 2},
        priority=6,
        progress=0,
        is_assignment=True,
        phase=Phase.PENDING,
    )
    once = task_edit_rules.edited(samples.ready(pool=POOL), edit, ADA, NOW)
    assert task_edit_rules.edited(once, edit, ADA, NOW + 1) is once


def test_none_clears_a_field() -> None:
    fields = task_edit_rules.edited(
        samples.ready(), Edit(fields={"title": "t", "tags": ["a"]}, metadata={"x": 1}), ADA, NOW
    )
    cleared = task_edit_rules.edited(fields, Edit(fields={"tags": None}, metadata={"x": None}), ADA, NOW)
    assert (cleared.payload, cleared.metadata) == ({"title": "t"}, None)


def test_a_completed_task_s_progress_is_one() -> None:
    done = task_edit_rules.edited(samples.running(), Edit(phase=Phase.COMPLETED, progress=30.0), ADA, NOW)
    assert done.progress == 100
    with pytest.raises(Conflict, match="progress"):
        task_edit_rules.edited(done, Edit(progress=30.0), ADA, NOW)


ASSIGNED = {
    "pending, to an agent": (samples.ready, "agent_1", Status.PENDING, "agent_1", False),
    "pending, to none": (lambda: samples.ready(wanted_worker="agent_1"), None, Status.PENDING, None, True),
    "held by it already": (samples.running, "worker_1", Status.RUNNING, "worker_1", False),
    "held by another": (samples.running, "agent_1", Status.PENDING, "agent_1", False),
    "held by one, to none": (samples.running, None, Status.PENDING, None, True),
    "held by a person": (
        lambda: transitions.begun_by_person(samples.ready(), ADA, NOW), "agent_1", Status.PENDING, "agent_1", False
    ),
    "held by a person, to none": (
        lambda: transitions.begun_by_person(samples.ready(wanted_worker="agent_1"), ADA, NOW),
        None, Status.RUNNING, None, True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASSIGNED)
def test_whoever_else_holds_an_assigned_task_lets_go(name: str) -> None:
    make, agent, status, wanted, manual = ASSIGNED[name]
    task: Task = make()
    reassigned = task_edit_rules.reassigned(task, Edit(agent=agent, priority=6), NOW)
    assert (reassigned.status, reassigned.wanted_worker, reassigned.manual, reassigned.priority) == (
        status,
        wanted,
        manual,
        6,
    )
    assert reassigned.version == task.version + 1
    assert (reassigned.lane == "any") == (wanted is None)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMED_OUT])
def test_a_task_that_has_ended_is_not_assigned(status: Status) -> None:
    with pytest.raises(Conflict, match="assigned"):
        task_edit_rules.reassigned(samples.ended(status), Edit(agent="agent_1"), NOW)


@pytest.mark.parametrize("to", [None, *Phase])
@pytest.mark.parametrize("holder", [AGENT, AGENT._replace(epoch=7), Holder("another")])
def test_an_agent_reports_on_what_it_holds_and_nothing_else(to: Phase | None, holder: Holder) -> None:
    task, edit = samples.leased(), Edit(phase=to, progress=50.0, metadata={"actualHours": 1})
    if holder != AGENT:
        with pytest.raises(LeaseLost):
            task_edit_rules.reported(task, edit, holder, NOW)
    elif to is Phase.CANCELLED:
        with pytest.raises(Conflict, match="cancel"):
            task_edit_rules.reported(task, edit, holder, NOW)
    else:
        after = task_edit_rules.reported(task, edit, holder, NOW)
        assert (after.version, after.metadata) == (task.version + 1, {"actualHours": 1})
        assert after.phase in {to or Phase.HELD, Phase.PENDING}
        assert after.attempts == (1 if to is Phase.FAILED else 0)


def test_the_last_report_made_again_is_accepted_and_another_is_not() -> None:
    done = Edit(phase=Phase.COMPLETED, outcome=Outcome(result={"a": 1}))
    completed = task_edit_rules.reported(samples.running(), done, AGENT, NOW)
    assert task_edit_rules.reported(completed, done, AGENT, NOW) is completed
    with pytest.raises(Conflict, match="another result"):
        task_edit_rules.reported(completed, Edit(phase=Phase.COMPLETED), AGENT, NOW)
    with pytest.raises(LeaseLost):
        task_edit_rules.reported(completed, done, Holder("another"), NOW)
    broken = Edit(phase=Phase.FAILED, outcome=Outcome(failure=reported_failure("broken", retryable=False)))
    failed = task_edit_rules.reported(samples.running(), broken, AGENT, NOW)
    assert (failed.status, task_edit_rules.reported(failed, broken, AGENT, NOW)) == (Status.FAILED, failed)


AGENT_BY_PHASE = {Phase.HELD: "worker_1"}
ACTIONS: dict[str, Callable[[Task, Phase], Task]] = {
    "ada": lambda task, to: task_edit_rules.edited(task, Edit(phase=to, metadata={"n": 1}), ADA, NOW),
    "bob": lambda task, to: task_edit_rules.edited(task, Edit(phase=to, fields={"title": str(to)}), BOB, NOW),
    "agent": lambda task, to: task_edit_rules.reported(task, Edit(phase=to, progress=10.0), AGENT, NOW),
    "assign": lambda task, to: task_edit_rules.reassigned(
        task, Edit(agent="worker_1" if to is Phase.HELD else None), NOW
    ),
    "dispatch": lambda task, _: transitions.leased(task, "worker_1", NOW) if task.is_queued else task,
}


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(sorted(ACTIONS)), st.sampled_from(Phase)), max_size=25))
def test_no_sequence_of_moves_leaves_the_table(steps: list[tuple[str, Phase]]) -> None:
    task = samples.ready(pool=POOL, manual=True)
    for who, to in steps:
        before = task
        try:
            task = ACTIONS[who](task, to)
        except Conflict:
            assert who not in ("ada", "bob") or to not in MOVES[before.phase]
            continue
        if who in ("ada", "bob"):
            assert to in MOVES[before.phase]
            assert task.phase is to
        if who == "agent":
            assert (before.is_held_by_worker and to in REPORTS) or task is before
        assert task.version in (before.version, before.version + 1)
        assert (task is before) == (task.version == before.version)
        assert not (task.is_held_by_worker and task.person)
        assert task.is_terminal or task.wake_at is not None
        assert task.attempts <= task.max_attempts
