from collections.abc import Callable

import pytest

from chalicelib import clock, config
from chalicelib.apis.surveys.access import POOL
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.workers import registry
from tests.apis.surveys.conftest import Desk
from tests.support.aws import counting
from tests.support.client import token
from tests.support.messengers import messengers
from tests.support.world import ORG


def test_a_session_waits_is_held_and_ends_with_its_worker(desk: Desk) -> None:
    session = desk.start(survey_type="profile")
    assert (desk.platform()["sessions"]["queued"], desk.platform()["session"]) == (1, None)
    worker = desk.register("swagbucks")
    assert desk.mine(worker) == [session]
    handed = desk.work("GET", f"/api/tasks/{session}")
    assert handed["payload"] == {"platform": "swagbucks", "account_id": "a-1", "survey_type": "profile"}
    assert (handed["type"], handed["name"]) == ("survey", "Survey session on Swagbucks, profile")
    assert desk.world.task(session).start_to_close_ms == 4 * clock.HOUR
    desk.work("PUT", f"/api/tasks/{session}/start")
    found = desk.platform()
    assert (found["status"], found["session"]["session_id"], found["session"]["status"]) == (
        "active",
        session,
        "running",
    )
    assert found["session"]["started_at"] is not None
    assert found["worker"] == {"id": worker, "name": "Arbeiter-1"}
    desk.work("PUT", f"/api/tasks/{session}/complete", {"result": {"earned": 1}})
    found = desk.platform()
    assert (found["session"], found["worker"]) == (None, None)
    assert found["sessions"] == {"queued": 0, "active": 0, "completed": 1, "failed": 0, "cancelled": 0}


def test_a_platform_has_one_session_at_a_time_whoever_is_free_and_the_next_follows_at_once(desk: Desk) -> None:
    crew = [desk.register("swagbucks", "prolific", room=5) for _ in range(2)]
    made = []
    for _ in range(3):
        made.append(desk.start())
        desk.world.clock.advance(0.01)
    other = desk.start("prolific")
    assert {task for worker in crew for task in desk.mine(worker)} == {made[0], other}
    for number, session in enumerate(made):
        found = desk.platform()
        assert (found["session"]["session_id"], found["sessions"]["queued"]) == (session, 2 - number)
        desk.work("PUT", f"/api/tasks/{session}/complete?worker_id={found['worker']['id']}", {"result": None})
    assert desk.platform("prolific")["session"]["session_id"] == other


def test_a_session_that_waits_says_for_what(desk: Desk) -> None:
    assert desk.platform()["waiting_for"] is None
    first = desk.start()
    assert desk.platform()["waiting_for"] == "a live worker that offers survey:swagbucks"
    worker = desk.register("swagbucks", "prolific")
    assert desk.platform()["waiting_for"] is None
    desk.start()
    turn = f"its turn on survey:swagbucks: 1 of 1 in use by {first}"
    assert desk.platform()["waiting_for"] == turn
    desk.start("prolific")
    assert desk.platform("prolific")["waiting_for"] == "room on a worker that offers survey:prolific"
    desk.work("PUT", f"/api/workers/{worker}", {"status": "busy"})
    assert desk.platform("prolific")["waiting_for"] == "a worker in rotation that offers survey:prolific"
    assert desk.platform()["waiting_for"] == turn


def test_a_session_may_wait_for_days(desk: Desk) -> None:
    session = desk.start()
    desk.world.clock.advance(5 * 86_400)
    desk.world.sweep()
    desk.register("swagbucks")
    assert desk.platform()["session"]["session_id"] == session


def test_the_end_of_a_session_is_told_by_the_messengers_it_named(desk: Desk) -> None:
    by = messengers(desk.world)
    desk.register("swagbucks", "prolific", "mturk", room=3)
    done, failed = desk.start(notify=["telegram"]), desk.start("prolific", notify=["discord"])
    quiet = desk.start("mturk")
    desk.work("PUT", f"/api/tasks/{done}/complete", {"result": {"earned": 2}})
    desk.work("PUT", f"/api/tasks/{failed}/complete", {"error": "screened out"})
    desk.work("PUT", f"/api/tasks/{quiet}/complete", {"result": None})
    assert [one["text"] for one in by.telegram.sent] == ["✅ Survey session on Swagbucks, daily: completed"]
    assert [one["content"] for one in by.discord.sent] == ["❌ Survey session on Prolific, daily: failed. screened out"]


def test_the_counts_of_all_platforms_are_summed(desk: Desk) -> None:
    desk.register("swagbucks")
    for platform in ("swagbucks", "swagbucks", "mturk"):
        desk.start(platform)
    found = desk.ask("GET", "/api/status").json
    assert found["sessions"] == {"queued": 2, "active": 1, "completed": 0, "failed": 0, "cancelled": 0}
    assert (found["status"], found["mode"]) == ("active", "one_worker_per_platform")


def test_a_failed_and_a_cancelled_session_free_their_platform(desk: Desk) -> None:
    desk.register("swagbucks", room=3)
    first = desk.start()
    desk.work("PUT", f"/api/tasks/{first}/complete", {"error": "blocked"})
    second = desk.start()
    desk.work("DELETE", f"/api/tasks/{second}")
    counted = desk.platform()["sessions"]
    assert (counted["failed"], counted["cancelled"], counted["active"]) == (1, 1, 0)


def test_an_unknown_platform_is_refused_and_the_known_ones_are_named(desk: Desk) -> None:
    refused = desk.ask("POST", "/api/start", {"platform": "myspace", "account_id": "a"})
    assert refused.status == 400
    assert all(name in refused.json["message"] for name in ("swagbucks", "prolific", "mturk", "clickworker"))


def test_an_unknown_messenger_is_refused_before_anything_is_done(desk: Desk) -> None:
    body = {"platform": "mturk", "account_id": "a", "notify": ["fax"]}
    refused = desk.ask("POST", "/api/start", body)
    assert (refused.status, desk.world.tasks()) == (400, [])
    assert refused.json["message"].startswith("notify: unknown provider 'fax'")


def test_one_idempotency_key_is_one_session(desk: Desk) -> None:
    body, key = {"platform": "mturk", "account_id": "a"}, {"Idempotency-Key": "k"}
    first, again = (desk.ask("POST", "/api/start", body, headers=key) for _ in range(2))
    assert first.json == again.json
    assert desk.ask("POST", "/api/start", body | {"account_id": "b"}, headers=key).status == 409


def test_a_key_of_the_coordinator_api_is_another_one_here_and_each_caller_has_his_own(desk: Desk) -> None:
    body, key = {"platform": "mturk", "account_id": "a"}, {"Idempotency-Key": "k"}
    task = desk.workers.request("POST", "/api/tasks", {"name": "t", "type": "general"}, token=desk.token, headers=key)
    ours = desk.ask("POST", "/api/start", body, headers=key)
    theirs = desk.ask("POST", "/api/start", body | {"account_id": "b"}, headers=key, token=token("user", subject="ann"))
    assert (task.status, ours.status, theirs.status) == (201, 201, 201)
    assert len({task.json["id"], ours.json["session_id"], theirs.json["session_id"]}) == 3


def test_platforms_are_active_while_a_live_worker_serves_them_and_paused_out_of_rotation(desk: Desk) -> None:
    worker, other = desk.register("swagbucks"), desk.register("prolific", "swagbucks")
    assert desk.statuses() == {
        "swagbucks": "active",
        "prolific": "active",
        "mturk": "configured",
        "clickworker": "configured",
    }
    desk.work("PUT", f"/api/workers/{other}", {"status": "busy"})
    assert (desk.statuses()["swagbucks"], desk.statuses()["prolific"]) == ("active", "paused")
    desk.world.advance(91)
    assert set(desk.statuses().values()) == {"configured"}
    desk.work("POST", f"/api/workers/{worker}/heartbeat")
    assert desk.statuses()["swagbucks"] == "active"
    registry.unregister(ORG, POOL, worker)
    assert desk.statuses()["swagbucks"] == "configured", "who was removed serves nothing"


def test_platforms_are_those_that_are_configured(desk: Desk) -> None:
    config.replace(survey_platforms={"panel": "The Panel"})
    assert desk.statuses() == {"panel": "configured"}
    assert desk.ask("POST", "/api/start", {"platform": "swagbucks", "account_id": "a"}).status == 400


def test_a_session_that_asks_for_it_says_which_messengers_to_tell(desk: Desk) -> None:
    session = desk.start(notify=["telegram"])
    assert desk.world.task(session).notify == ("telegram",)
    assert desk.world.task(session).status is Status.PENDING


BUDGETS: dict[str, tuple[Callable[[Desk], object], int]] = {
    "start": (lambda desk: desk.ask("POST", "/api/start", {"platform": "mturk", "account_id": "a"}), 2),
    "status": (lambda desk: desk.ask("GET", "/api/status"), 4),
    "platforms": (lambda desk: desk.ask("GET", "/api/platforms"), 2),
    "health": (lambda desk: desk.ask("GET", "/health", token=None), 0),
}


@pytest.mark.parametrize("name", BUDGETS)
def test_a_request_costs_no_more_than_its_budget(name: str, desk: Desk) -> None:
    work, budget = BUDGETS[name]
    desk.register("swagbucks")
    desk.start()
    with counting() as calls:
        work(desk)
    assert calls.total() <= budget, dict(calls)
