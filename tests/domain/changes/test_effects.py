from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.changes import derive, effects
from chalicelib.domain.changes.effects import DispatchRequest, Effects, EventKind, Handover, Wakeup, WakeupKind
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Phase, Status, Task
from chalicelib.domain.tasks.transitions import Reason
from chalicelib.domain.tasks.worker import Health, Worker
from tests.domain import samples
from tests.domain.samples import BACKOFF, FAILURE, NOW, worker

LATER = NOW + 3_000
POOL = {"org": "acme", "pool": "processing"}
READY = DispatchRequest(**POOL, task_id="task_1", lane="any", needs=samples.ready().needs)
SLOT_FREE = DispatchRequest(**POOL)

Move = Callable[[Task], Task]
MOVES: dict[str, tuple[Task | None, Move, EventKind | None, tuple[DispatchRequest, ...]]] = {
    "submit": (None, lambda task: task, EventKind.SUBMITTED, (READY,)),
    "lease": (samples.ready(), lambda t: transitions.leased(t, "worker_1", LATER), EventKind.LEASED, ()),
    "begin": (samples.leased(), lambda t: transitions.progressed(t, LATER), EventKind.STARTED, ()),
    "progress": (samples.running(), lambda t: transitions.progressed(t, LATER, 50), None, ()),
    "complete": (samples.running(), lambda t: transitions.completed(t, LATER), EventKind.COMPLETED, (SLOT_FREE,)),
    "retry later": (
        samples.running(),
        lambda t: transitions.attempt_failed(t, FAILURE, LATER, BACKOFF, 0.5),
        EventKind.RETRIED,
        (SLOT_FREE,),
    ),
    "retry now": (
        samples.running(),
        lambda t: transitions.attempt_failed(t, FAILURE, LATER, BACKOFF, 0.0),
        EventKind.RETRIED,
        (READY,),
    ),
    "fail": (
        samples.running(max_attempts=1),
        lambda t: transitions.attempt_failed(t, FAILURE, LATER, BACKOFF, 0.5),
        EventKind.FAILED,
        (SLOT_FREE,),
    ),
    "release": (samples.leased(), lambda t: transitions.released(t, LATER), EventKind.RELEASED, (READY,)),
    "cancel held": (samples.running(), lambda t: transitions.cancelled(t, LATER), EventKind.CANCELLED, (SLOT_FREE,)),
    "cancel waiting": (samples.ready(), lambda t: transitions.cancelled(t, LATER), EventKind.CANCELLED, ()),
    "time out held": (
        samples.running(),
        lambda t: transitions.timed_out(t, Reason.TOTAL, "late", LATER),
        EventKind.TIMED_OUT,
        (SLOT_FREE,),
    ),
    "time out waiting": (
        samples.ready(),
        lambda t: transitions.timed_out(t, Reason.SCHEDULE_TO_START, "late", LATER),
        EventKind.TIMED_OUT,
        (),
    ),
    "replay": (
        samples.ended(Status.FAILED),
        lambda t: transitions.replayed(t, LATER, 60_000),
        EventKind.REPLAYED,
        (READY,),
    ),
    "wake": (samples.sleeping(), lambda t: transitions.ready(t, LATER), None, (READY,)),
    "leave to the pool": (samples.ready(), lambda t: transitions.watched(t, LATER), None, ()),
    "edit": (samples.ready(), lambda t: transitions.edited(t, LATER, priority=9), EventKind.EDITED, (READY,)),
}


def make_move(name: str) -> tuple[Task | None, Task, Effects]:
    old, move, _, _ = MOVES[name]
    new = move(old or samples.ready())
    return old, new, derive.task_effects(old, new)


@pytest.mark.parametrize("name", MOVES)
def test_each_transition_logs_its_kind_once_and_requests_a_dispatch(name: str) -> None:
    _, new, effects = make_move(name)
    _, _, kind, requests = MOVES[name]
    assert [event.kind for event in effects.events] == ([kind] if kind else [])
    assert all((e.subject, e.version, e.at) == (new.id, new.version, new.updated_at) for e in effects.events)
    assert effects.dispatch_requests == requests


@pytest.mark.parametrize("name", MOVES)
def test_the_same_change_has_the_same_effects_each_time(name: str) -> None:
    old, new, found = make_move(name)
    assert derive.task_effects(old, new) == found


@pytest.mark.parametrize("name", samples.one_in_each_state())
def test_a_write_that_moves_nothing_logs_and_hands_over_nothing(name: str) -> None:
    task = samples.one_in_each_state()[name]
    found = derive.task_effects(task, replace(task, version=task.version + 1, metadata={"seen": True}))
    assert (found.events, found.handovers, found.wakeups, found.dispatch_requests) == ((), (), (), ())


def test_a_task_removed_by_retention_is_no_longer_counted_and_nothing_else() -> None:
    gone = samples.ended(Status.COMPLETED)
    found = derive.task_effects(gone, None)
    assert found == Effects(events=found.events, announcements=found.announcements)
    assert [(e.kind, e.left, e.version) for e in found.events] == [(EventKind.SWEPT, Phase.COMPLETED, gone.version + 1)]


def test_a_lease_is_handed_over_once_to_its_holder_under_its_epoch() -> None:
    _, new, found = make_move("lease")
    assert found.handovers == (Handover(**POOL, task_id="task_1", epoch=1, worker_id="worker_1"),)
    assert derive.task_effects(new, replace(new, version=9)).handovers == ()
    assert all(make_move(name)[2].handovers == () for name in MOVES if name != "lease")


def test_a_lease_tells_how_long_the_task_waited_and_its_end_how_long_it_took() -> None:
    assert [(e.waited_ms, e.took_ms) for e in make_move("lease")[2].events] == [(3_000, None)]
    assert [(e.waited_ms, e.took_ms) for e in make_move("complete")[2].events] == [(None, 3_000)]
    assert [(e.waited_ms, e.took_ms) for e in make_move("cancel waiting")[2].events] == [(None, None)]


FAILED_ATTEMPTS = {"retry later", "retry now", "fail", "time out held"}
NAMED = FAILED_ATTEMPTS | {"lease", "begin", "complete", "release", "cancel held", "replay"}


@pytest.mark.parametrize("name", [name for name in MOVES if MOVES[name][2]])
def test_an_event_names_the_worker_concerned_and_whether_an_attempt_was_counted(name: str) -> None:
    (event,) = make_move(name)[2].events
    assert event.attempt_failed is (name in FAILED_ATTEMPTS)
    assert (event.worker_id == "worker_1") is (name in NAMED)


def test_a_task_that_goes_to_sleep_is_woken_at_its_moment_once() -> None:
    _, new, found = make_move("retry later")
    assert new.run_at is not None
    assert found.wakeups == (Wakeup(**POOL, kind=WakeupKind.TASK, id="task_1", at=new.run_at),)
    assert derive.task_effects(new, replace(new, version=9)).wakeups == ()
    assert derive.task_effects(None, samples.sleeping()).wakeups[0].at == NOW + 60_000


def test_an_end_that_people_are_notified_of_wakes_its_task_once() -> None:
    old = samples.running(notify=("telegram",))
    new = transitions.completed(old, LATER)
    assert derive.task_effects(old, new).wakeups == (Wakeup(**POOL, kind=WakeupKind.TASK, id="task_1", at=LATER),)
    notified = transitions.end_notified(new, LATER + 1)
    assert (derive.task_effects(new, notified).wakeups, derive.task_effects(new, notified).events) == ((), ())
    assert derive.task_effects(old, transitions.cancelled(old, LATER)).wakeups == ()


# Workers


def effects_of_change(old: Worker | None, **fields: Any) -> Effects:
    return derive.worker_effects(old, replace(old or worker(), version=2, updated_at=LATER, **fields))


UP = worker()
DOWN = worker(alive=False, online_since=None)


@pytest.mark.parametrize(
    ("old", "fields", "kind", "since"),
    [
        (None, {}, EventKind.ONLINE, None),
        (DOWN, {"alive": True, "online_since": LATER}, EventKind.ONLINE, None),
        (UP, {"alive": False, "online_since": None}, EventKind.OFFLINE, NOW),
        (UP, {"maintenance": True, "online_since": None}, EventKind.OFFLINE, NOW),
        (UP, {"removed": True, "online_since": None}, EventKind.OFFLINE, NOW),
        (UP, {"last_heartbeat_at": LATER}, None, None),
        (DOWN, {"maintenance": True}, None, None),
        (replace(UP, maintenance=True), {"alive": False}, None, None),
    ],
)
def test_coming_and_going_is_logged_with_the_time_online(
    old: Worker | None, fields: dict[str, Any], kind: EventKind | None, since: int | None
) -> None:
    found = effects_of_change(old, **fields).events
    assert [(e.kind, e.since, e.subject, e.at) for e in found] == ([(kind, since, "a", LATER)] if kind else [])


def test_a_removed_worker_that_is_deleted_is_not_counted_twice() -> None:
    assert derive.worker_effects(worker(removed=True, online_since=None), None) == effects.NO_EFFECTS


@pytest.mark.parametrize(
    ("old", "fields"),
    [
        (None, {}),
        (DOWN, {"alive": True}),
        (replace(UP, maintenance=True), {"maintenance": False}),
        (UP, {"max_concurrent": 2}),
        (UP, {"capabilities": ("gpu",)}),
        (UP, {"groups": ("eu",)}),
        (replace(UP, health=Health.UNHEALTHY), {"health": Health.HEALTHY}),
        (replace(UP, rest_until=LATER), {"rest_until": None}),
        (replace(UP, suspended_until=LATER), {"suspended_until": None}),
    ],
)
def test_new_capacity_requests_a_dispatch(old: Worker | None, fields: dict[str, Any]) -> None:
    assert effects_of_change(old, **fields).dispatch_requests == (SLOT_FREE,)


@pytest.mark.parametrize("fields", [{"alive": False}, {"maintenance": True}, {"removed": True}])
def test_what_waited_for_a_worker_that_leaves_may_go_to_others(fields: dict[str, Any]) -> None:
    assert effects_of_change(UP, **fields).dispatch_requests == (SLOT_FREE,)


@pytest.mark.parametrize("fields", [{"last_heartbeat_at": LATER}, {"leases": {"t": 1}}, {"suspended_until": LATER}])
def test_a_worker_that_gained_nothing_requests_no_dispatch(fields: dict[str, Any]) -> None:
    assert effects_of_change(UP, **fields).dispatch_requests == ()


def test_a_rest_is_ended_on_time_and_a_removal_is_followed_up_at_once() -> None:
    assert [w.at for w in effects_of_change(UP, rest_until=LATER + 5).wakeups] == [LATER + 5]
    assert [w.at for w in effects_of_change(UP, suspended_until=LATER + 5).wakeups] == [LATER + 5]
    assert [w.at for w in effects_of_change(UP, removed=True).wakeups] == [LATER]
    assert effects_of_change(replace(UP, rest_until=LATER + 5), leases={"t": 1}).wakeups == ()
    assert effects_of_change(replace(UP, removed=True), leases={}).wakeups == ()
