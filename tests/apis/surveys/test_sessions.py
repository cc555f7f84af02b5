from collections.abc import Callable

import pytest

from chalicelib import clock, config
from chalicelib.apis.surveys.access import POOL
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.workers import registry
from tests.apis.surveys.conftest import SurveysApi
from tests.support.aws import counting
from tests.support.client import token
from tests.support.messengers import messengers
from tests.support.world import ORG


def test_a_session_waits_is_held_and_ends_with_its_worker(surveys_api: SurveysApi) -> None:
    session = surveys_api.start(survey_type="profile")
    assert (surveys_api.platform()["sessions"]["queued"], surveys_api.platform()["session"]) == (1, None)
    worker = surveys_api.register("swagbucks")
    assert surveys_api.assigned_tasks(worker) == [session]
    handed = surveys_api.call_as_worker("GET", f"/api/tasks/{session}")
    assert handed["payload"] == {"platform": "swagbucks", "account_id": "a-1", "survey_type": "profile"}
    assert (handed["type"], handed["name"]) == ("survey", "Survey session on Swagbucks, profile")
    assert surveys_api.world.task(session).start_to_close_ms == 4 * clock.HOUR
    surveys_api.call_as_worker("PUT", f"/api/tasks/{session}/start")
    platform = surveys_api.platform()
    assert (platform["status"], platform["session"]["session_id"], platform["session"]["status"]) == (
        "active",
        session,
        "running",
    )
    assert platform["session"]["started_at"] is not None
    assert platform["worker"] == {"id": worker, "name": "Arbeiter-1"}
    surveys_api.call_as_worker("PUT", f"/api/tasks/{session}/complete", {"result": {"earned": 1}})
    platform = surveys_api.platform()
    assert (platform["session"], platform["worker"]) == (None, None)
    assert platform["sessions"] == {"queued": 0, "active": 0, "completed": 1, "failed": 0, "cancelled": 0}


def test_a_platform_has_one_session_at_a_time_whoever_is_free_and_the_next_follows_at_once(
    surveys_api: SurveysApi,
) -> None:
    workers = [surveys_api.register("swagbucks", "prolific", max_concurrent=5) for _ in range(2)]
    session_ids = []
    for _ in range(3):
        session_ids.append(surveys_api.start())
        surveys_api.world.clock.advance(0.01)
    other = surveys_api.start("prolific")
    assert {task for worker in workers for task in surveys_api.assigned_tasks(worker)} == {session_ids[0], other}
    for number, session in enumerate(session_ids):
        platform = surveys_api.platform()
        assert (platform["session"]["session_id"], platform["sessions"]["queued"]) == (session, 2 - number)
        surveys_api.call_as_worker(
            "PUT", f"/api/tasks/{session}/complete?worker_id={platform['worker']['id']}", {"result": None}
        )
    assert surveys_api.platform("prolific")["session"]["session_id"] == other


def test_a_session_that_waits_says_for_what(surveys_api: SurveysApi) -> None:
    assert surveys_api.platform()["waiting_for"] is None
    first = surveys_api.start()
    assert surveys_api.platform()["waiting_for"] == "a live worker that offers survey:swagbucks"
    worker = surveys_api.register("swagbucks", "prolific")
    assert surveys_api.platform()["waiting_for"] is None
    surveys_api.start()
    turn = f"its turn on survey:swagbucks: 1 of 1 in use by {first}"
    assert surveys_api.platform()["waiting_for"] == turn
    surveys_api.start("prolific")
    assert surveys_api.platform("prolific")["waiting_for"] == "room on a worker that offers survey:prolific"
    surveys_api.call_as_worker("PUT", f"/api/workers/{worker}", {"status": "busy"})
    assert surveys_api.platform("prolific")["waiting_for"] == "a worker in rotation that offers survey:prolific"
    assert surveys_api.platform()["waiting_for"] == turn


def test_a_session_may_wait_for_days(surveys_api: SurveysApi) -> None:
    session = surveys_api.start()
    surveys_api.world.clock.advance(5 * 86_400)
    surveys_api.world.sweep()
    surveys_api.register("swagbucks")
    assert surveys_api.platform()["session"]["session_id"] == session


def test_the_end_of_a_session_is_notified_by_the_messengers_it_named(surveys_api: SurveysApi) -> None:
    by = messengers(surveys_api.world)
    surveys_api.register("swagbucks", "prolific", "mturk", max_concurrent=3)
    done, failed = surveys_api.start(notify=["telegram"]), surveys_api.start("prolific", notify=["discord"])
    quiet = surveys_api.start("mturk")
    surveys_api.call_as_worker("PUT", f"/api/tasks/{done}/complete", {"result": {"earned": 2}})
    surveys_api.call_as_worker("PUT", f"/api/tasks/{failed}/complete", {"error": "screened out"})
    surveys_api.call_as_worker("PUT", f"/api/tasks/{quiet}/complete", {"result": None})
    assert [one["text"] for one in by.telegram.sent] == ["✅ Survey session on Swagbucks, daily: completed"]
    assert [one["content"] for one in by.discord.sent] == ["❌ Survey session on Prolific, daily: failed. screened out"]


def test_the_counts_of_all_platforms_are_summed(surveys_api: SurveysApi) -> None:
    surveys_api.register("swagbucks")
    for platform in ("swagbucks", "swagbucks", "mturk"):
        surveys_api.start(platform)
    found = surveys_api.request("GET", "/api/status").json
    assert found["sessions"] == {"queued": 2, "active": 1, "completed": 0, "failed": 0, "cancelled": 0}
    assert (found["status"], found["mode"]) == ("active", "one_worker_per_platform")


def test_a_failed_and_a_cancelled_session_free_their_platform(surveys_api: SurveysApi) -> None:
    surveys_api.register("swagbucks", max_concurrent=3)
    first = surveys_api.start()
    surveys_api.call_as_worker("PUT", f"/api/tasks/{first}/complete", {"error": "blocked"})
    second = surveys_api.start()
    surveys_api.call_as_worker("DELETE", f"/api/tasks/{second}")
    counted = surveys_api.platform()["sessions"]
    assert (counted["failed"], counted["cancelled"], counted["active"]) == (1, 1, 0)


def test_an_unknown_platform_is_refused_and_the_known_ones_are_named(surveys_api: SurveysApi) -> None:
    refused = surveys_api.request("POST", "/api/start", {"platform": "myspace", "account_id": "a"})
    assert refused.status == 400
    assert all(name in refused.json["message"] for name in ("swagbucks", "prolific", "mturk", "clickworker"))


def test_an_unknown_messenger_is_refused_before_anything_is_done(surveys_api: SurveysApi) -> None:
    body = {"platform": "mturk", "account_id": "a", "notify": ["fax"]}
    refused = surveys_api.request("POST", "/api/start", body)
    assert (refused.status, surveys_api.world.tasks()) == (400, [])
    assert refused.json["message"].startswith("notify: unknown provider 'fax'")


def test_one_idempotency_key_is_one_session(surveys_api: SurveysApi) -> None:
    body, key = {"platform": "mturk", "account_id": "a"}, {"Idempotency-Key": "k"}
    first, again = (surveys_api.request("POST", "/api/start", body, headers=key) for _ in range(2))
    assert first.json == again.json
    assert surveys_api.request("POST", "/api/start", body | {"account_id": "b"}, headers=key).status == 409


def test_a_key_of_the_coordinator_api_is_another_one_here_and_each_caller_has_his_own(surveys_api: SurveysApi) -> None:
    body, key = {"platform": "mturk", "account_id": "a"}, {"Idempotency-Key": "k"}
    task = surveys_api.workers.request(
        "POST", "/api/tasks", {"name": "t", "type": "general"}, token=surveys_api.token, headers=key
    )
    ours = surveys_api.request("POST", "/api/start", body, headers=key)
    theirs = surveys_api.request(
        "POST", "/api/start", body | {"account_id": "b"}, headers=key, token=token("user", subject="ann")
    )
    assert (task.status, ours.status, theirs.status) == (201, 201, 201)
    assert len({task.json["id"], ours.json["session_id"], theirs.json["session_id"]}) == 3


def test_platforms_are_active_while_a_live_worker_serves_them_and_paused_out_of_rotation(
    surveys_api: SurveysApi,
) -> None:
    worker, other = surveys_api.register("swagbucks"), surveys_api.register("prolific", "swagbucks")
    assert surveys_api.statuses() == {
        "swagbucks": "active",
        "prolific": "active",
        "mturk": "configured",
        "clickworker": "configured",
    }
    surveys_api.call_as_worker("PUT", f"/api/workers/{other}", {"status": "busy"})
    assert (surveys_api.statuses()["swagbucks"], surveys_api.statuses()["prolific"]) == ("active", "paused")
    surveys_api.world.advance(91)
    assert set(surveys_api.statuses().values()) == {"configured"}
    surveys_api.call_as_worker("POST", f"/api/workers/{worker}/heartbeat")
    assert surveys_api.statuses()["swagbucks"] == "active"
    registry.unregister(ORG, POOL, worker)
    assert surveys_api.statuses()["swagbucks"] == "configured", "who was removed serves nothing"


def test_platforms_are_those_that_are_configured(surveys_api: SurveysApi) -> None:
    config.replace(survey_platforms={"panel": "The Panel"})
    assert surveys_api.statuses() == {"panel": "configured"}
    assert surveys_api.request("POST", "/api/start", {"platform": "swagbucks", "account_id": "a"}).status == 400


def test_a_session_that_asks_for_it_says_which_messengers_to_tell(surveys_api: SurveysApi) -> None:
    session = surveys_api.start(notify=["telegram"])
    assert surveys_api.world.task(session).notify == ("telegram",)
    assert surveys_api.world.task(session).status is Status.PENDING


BUDGETS: dict[str, tuple[Callable[[SurveysApi], object], int]] = {
    "start": (
        lambda surveys_api: surveys_api.request("POST", "/api/start", {"platform": "mturk", "account_id": "a"}),
        2,
    ),
    "status": (lambda surveys_api: surveys_api.request("GET", "/api/status"), 4),
    "platforms": (lambda surveys_api: surveys_api.request("GET", "/api/platforms"), 2),
    "health": (lambda surveys_api: surveys_api.request("GET", "/health", token=None), 0),
}


@pytest.mark.parametrize("name", BUDGETS)
def test_a_request_costs_no_more_than_its_budget(name: str, surveys_api: SurveysApi) -> None:
    work, budget = BUDGETS[name]
    surveys_api.register("swagbucks")
    surveys_api.start()
    with counting() as calls:
        work(surveys_api)
    assert calls.total() <= budget, dict(calls)
