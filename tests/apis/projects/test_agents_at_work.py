"""What agents are given, and what becomes of it."""

import json
from contextlib import suppress
from typing import Any

import pytest

from chalicelib.apis.websockets import router
from chalicelib.domain.tasks.task import Holder
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.projects import agents
from chalicelib.engine.schedule.job_handlers import JOB_STEPS
from chalicelib.engine.tasks import lifecycle, submission
from chalicelib.errors import Unavailable
from tests.apis.projects.agency import POOL, Desk, meant, open_desk
from tests.engine.helpers import together
from tests.support import aws
from tests.support.client import token
from tests.support.world import ORG, World, answer


@pytest.fixture
def desk(world: World) -> Desk:
    return open_desk(world)


def test_an_agent_with_an_endpoint_is_handed_tasks_and_told_where_to_report(desk: Desk) -> None:
    desk.world.servers["bot.example"] = lambda *_: answer(202)
    key = "a-key-of-its-own-0"
    agent_id = desk.create(endpoint="https://bot.example/tasks", apiKey=key)
    task = desk.submit(agent_id, payload={"title": "Build it"})
    [(method, url, headers, body)] = desk.world.calls
    assert (method, url, headers["X-API-Key"]) == ("POST", "https://bot.example/tasks", key)
    assert f'"callbackUrl":"/api/v1/tasks/{task.id}?agentId={agent_id}&lease=1"'.encode() in body
    assert desk.world.task(task.id).status == "running"


def test_an_endpoint_that_answers_a_get_keeps_its_agent_online_without_heartbeats(desk: Desk) -> None:
    desk.world.servers["bot.example"] = lambda *_: answer(200, {})
    agent_id = desk.create(endpoint="https://bot.example/tasks")
    desk.world.advance(600)
    assert desk.status(agent_id) == "available"
    del desk.world.servers["bot.example"]
    desk.world.advance(180)
    assert desk.status(agent_id) == "offline"


def test_tasks_wait_for_the_working_hours_and_start_within_a_minute_of_them(desk: Desk) -> None:
    hours = {"timezone": "Europe/Berlin", "start": "13:03", "end": "13:08"}  # 12:03 UTC
    agent_id = desk.create(workingHours=hours)
    assert (desk.status(agent_id), desk.ids("?available=true")) == ("offline", [])
    for_it, for_all = desk.submit(agent_id), desk.submit()
    desk.pass_time(agent_id, 120)
    assert desk.world.task(for_it.id).status == desk.world.task(for_all.id).status == "pending"
    desk.pass_time(agent_id, 120)  # 12:04:01
    assert desk.world.task(for_it.id).status == "leased"
    assert desk.status(agent_id) == "busy"
    desk.complete(for_it.id)
    assert desk.world.task(for_all.id).status == "leased"
    desk.pass_time(agent_id, 240)
    assert desk.status(agent_id) == "busy"  # finishing what it has
    desk.complete(for_all.id)
    assert desk.status(agent_id) == "offline"


def test_hours_that_are_widened_count_at_once(desk: Desk) -> None:
    agent_id = desk.create(workingHours={"timezone": "UTC", "start": "20:00", "end": "21:00"})
    task = desk.submit(agent_id)
    desk.told("PUT", f"/{agent_id}", {"workingHours": {"timezone": "UTC", "start": "20:00", "end": "13:00"}})
    desk.world.settle()
    assert desk.world.task(task.id).status == "leased"


def test_no_agent_ever_holds_more_than_it_may(desk: Desk) -> None:
    agent_id = desk.create(maxConcurrentTasks=3)
    made = [submission.submit(ORG, "u", meant(None, manual=True)) for _ in range(8)]
    together([lambda task=task: _assign(desk, task.id, agent_id) for task in made])
    desk.world.settle()
    assert desk.agent(agent_id)["currentTasks"] == 3
    held = [task.id for task in made if desk.world.task(task.id).held]
    together([lambda task_id=task_id: _finish(desk, task_id) for task_id in held])
    desk.world.settle()
    assert (desk.agent(agent_id)["currentTasks"], desk.agent(agent_id)["totalTasksCompleted"]) == (3, 3)


def _assign(desk: Desk, task_id: str, agent_id: str) -> None:
    path = f"/api/v1/tasks/{task_id}/assign"
    assert desk.client.post(path, {"agentId": agent_id}, token=desk.token).status == 200


def _finish(desk: Desk, task_id: str) -> None:
    task = desk.world.task(task_id)
    assert task.worker_id is not None
    lifecycle.complete(ORG, POOL, task_id, Holder(task.worker_id, task.epoch), None)


def test_a_disabled_agent_finishes_what_it_has_and_gets_nothing_new(desk: Desk) -> None:
    agent_id = desk.create()
    running, waiting = desk.submit(agent_id), desk.submit(agent_id)
    shut = desk.told("POST", f"/{agent_id}/disable", {"reason": "Maintenance required"})
    assert (shut["enabled"], shut["disabledReason"], shut["status"]) == (False, "Maintenance required", "offline")
    assert [one["type"] for one in desk.beat(agent_id)["commands"]] == ["drain"]
    assert desk.world.task(running.id).status == "leased"
    desk.complete(running.id)
    assert desk.world.task(waiting.id).status == "pending"
    back = desk.told("POST", f"/{agent_id}/enable")
    desk.world.settle()
    assert (back["enabled"], back["disabledReason"]) == (True, None)
    assert desk.world.task(waiting.id).status == "leased"


def test_release_gives_back_what_a_disabled_agent_has_unburned(desk: Desk) -> None:
    agent_id = desk.create()
    task = desk.submit(agent_id)
    desk.told("POST", f"/{agent_id}/disable", {"release": True})
    desk.world.settle()
    found = desk.world.task(task.id)
    assert (found.status, found.attempts, found.wanted_worker) == ("pending", 0, agent_id)
    assert [one["type"] for one in desk.beat(agent_id)["commands"]] == ["cancel", "drain"]
    assert desk.beat(agent_id, receipts=[f"{task.id}:1"])["commands"] == [{"id": "drain", "type": "drain"} | NOTHING]


NOTHING = {"taskId": None, "attempt": None}


def test_disabling_and_enabling_again_changes_nothing(desk: Desk) -> None:
    agent_id = desk.create()
    for verb, body in (("disable", {"reason": "x"}), ("disable", {"reason": "x"}), ("enable", None), ("enable", None)):
        first, second = (desk.told("POST", f"/{agent_id}/{verb}", body) for _ in range(2))
        assert first == second
    assert desk.told("POST", f"/{agent_id}/disable")["disabledReason"] is None


def test_an_enabled_agent_that_was_silent_counts_as_there(desk: Desk) -> None:
    agent_id = desk.create()
    desk.world.advance(300)
    assert desk.status(agent_id) == "offline"
    assert desk.told("POST", f"/{agent_id}/enable")["status"] == "available"


KEY = "a-key-of-its-own-0"


def test_an_agent_s_own_key_opens_its_work_and_nothing_else(desk: Desk) -> None:
    agent_id, other = desk.create(apiKey=KEY), desk.create("other", apiKey="a-key-of-another")
    bare = {"token": None, "key": KEY}
    assert desk.ask("POST", f"/{agent_id}/heartbeat", {}, **bare).status == 200
    for method, path in (
        ("POST", f"/{other}/heartbeat"),
        ("POST", "/agent_none/heartbeat"),
        ("POST", f"/{'x' * 4000}/heartbeat"),
        ("GET", ""),
        ("GET", f"/{agent_id}"),
        ("PUT", f"/{agent_id}"),
        ("DELETE", f"/{agent_id}"),
        ("POST", f"/{agent_id}/enable"),
        ("GET", f"/{agent_id}/metrics"),
    ):
        body = None if method == "GET" else {}
        assert desk.refused(401, method, path, body, **bare)["code"] == "AUTHENTICATION_ERROR"
    assert desk.refused(422, "POST", "", {"name": "x", "type": "qa", "apiKey": "ak_" + KEY})["details"].keys() == {
        "apiKey"
    }
    assert KEY not in desk.ask("GET", f"/{agent_id}").text


def test_a_key_ends_with_its_agent(desk: Desk) -> None:
    agent_id = desk.create(apiKey=KEY)
    desk.told("DELETE", f"/{agent_id}")
    assert desk.ask("POST", f"/{agent_id}/heartbeat", {}, token=None, key=KEY).status in (401, 404)


def test_a_deleted_agent_is_gone_and_nothing_waits_for_it(desk: Desk) -> None:
    agent_id = desk.create()
    done, held, waiting = (desk.submit(agent_id) for _ in range(3))
    desk.complete(done.id)
    assert desk.told("DELETE", f"/{agent_id}") == {"id": agent_id, "deleted": True}
    assert desk.refused(404, "GET", f"/{agent_id}")["code"] == "NOT_FOUND"
    assert desk.refused(404, "DELETE", f"/{agent_id}")["code"] == "NOT_FOUND"
    assert desk.ids() == []
    desk.world.settle()
    for task_id in (held.id, waiting.id):
        task = desk.world.task(task_id)
        assert (task.status, task.wanted_worker, task.manual, task.lane, task.attempts) == (
            "pending",
            None,
            True,
            "any",
            0,
        )
    assert desk.world.task(done.id).worker_id == agent_id
    assert desk.world.workers() == []


def test_what_was_meant_for_an_agent_just_before_it_went_does_not_wait_for_ever(desk: Desk) -> None:
    agent_id = desk.create()
    desk.told("DELETE", f"/{agent_id}")
    desk.world.settle()
    late = desk.submit(agent_id)  # its submitter had found the agent
    assert desk.world.task(late.id).wanted_worker == agent_id
    desk.world.advance(180)
    assert desk.world.task(late.id).wanted_worker is None


class Socket:
    """An agent's connection, from API Gateway's events to the frames."""

    def __init__(self, world: World, agent_id: str, name: str = "c1", query: Any = None, **headers: str) -> None:
        self.name, self.frames = name, world.sockets.connect(name)
        said = {"path": f"/agents/{agent_id}", **(query or {})}
        self.answer = router.handle_connect(self._event(queryStringParameters=said, headers=headers))
        world.settle()

    @property
    def status(self) -> int:
        return int(self.answer["statusCode"])

    def _event(self, **more: Any) -> Any:
        return {"requestContext": {"connectionId": self.name}, **more}

    def say(self, **frame: Any) -> Any:
        router.handle_message(self._event(body=json.dumps(frame)))
        return self.frames[-1]


def test_an_agent_works_over_a_websocket(desk: Desk) -> None:
    agent_id = desk.create(socket=True, apiKey=KEY)
    assert (desk.status(agent_id), desk.agent(agent_id)["socket"]) == ("offline", True)
    task = desk.submit(agent_id, payload={"title": "Build it"})
    line = Socket(desk.world, agent_id, **{"x-api-key": KEY})
    assert line.status == 200
    [frame] = line.frames
    assert (frame["type"], frame["task_id"], frame["data"]) == ("task", task.id, {"title": "Build it"})
    said = line.say(type="result", task_id=task.id, attempt=1, lease=frame["lease"], result={"done": 1})
    assert said["type"] == "accepted"
    desk.world.settle()
    assert (desk.world.task(task.id).status, desk.status(agent_id)) == ("completed", "available")


def test_who_may_open_an_agent_s_websocket(desk: Desk) -> None:
    agent_id, fetches = desk.create(socket=True, apiKey=KEY), desk.create("fetches")
    assert Socket(desk.world, agent_id, "nobody").status == 401
    assert Socket(desk.world, agent_id, "wrong", **{"x-api-key": KEY + "1"}).status == 401
    assert Socket(desk.world, agent_id, "stranger", {"token": token("admin", org="other")}).status == 404
    assert Socket(desk.world, fetches, "fetches", {"token": desk.token}).status == 404
    assert Socket(desk.world, agent_id, "manager", {"token": desk.token}).status == 200
    assert desk.refused(409, "PUT", f"/{agent_id}", {"endpoint": "https://a.example"})["code"] == "CONFLICT_ERROR"
    assert desk.refused(422, "POST", "", {"name": "x", "type": "qa", "socket": True, "endpoint": "https://a.example"})


def test_an_agent_fetches_its_task_and_reports_with_nothing_but_its_own_key(desk: Desk) -> None:
    agent_id = desk.create(apiKey=KEY)
    task = desk.submit(agent_id, payload={"title": "Build it", "requirements": ["Fast"]})

    def ask(method: str, path: str, body: Any = None) -> Any:
        reply = desk.client.request(method, path, body, key=KEY)
        assert reply.status == 200, reply.text
        return reply.json["data"]

    [row] = ask("GET", f"/api/v1/agents/{agent_id}/tasks?status=active")
    path = f"/api/v1/tasks/{row['id']}?agentId={agent_id}"
    assert ask("GET", path)["requirements"] == ["Fast"]
    assert ask("PATCH", path, {"status": "active", "progress": 0.4})["progress"] == 0.4
    done = ask("PATCH", path, {"status": "completed", "result": {"pull": 17}})
    assert (done["status"], done["agentId"]) == ("completed", agent_id)
    desk.world.settle()
    agent = desk.agent(agent_id)
    assert (task.id, agent["currentTasks"], agent["totalTasksCompleted"], agent["successRate"]) == (row["id"], 0, 1, 1)


def test_the_key_of_another_api_s_worker_opens_nothing_here(desk: Desk) -> None:
    task, worker = desk.submit(desk.create()), desk.world.register(api_key=KEY)
    for path in (f"/api/v1/tasks/{task.id}?agentId={worker.id}", f"/api/v1/agents/{worker.id}/tasks"):
        assert desk.client.request("GET", path, key=KEY).status == 401


def test_one_agent_does_not_report_for_another_nor_after_its_lease(desk: Desk) -> None:
    agent_id, other = desk.create(apiKey=KEY), desk.create("other", apiKey="a-key-of-another")
    task = desk.submit(agent_id)
    path = f"/api/v1/tasks/{task.id}?agentId="
    for named, key, status in ((agent_id, "a-key-of-another", 401), (other, "a-key-of-another", 409), ("", KEY, 401)):
        reply = desk.client.request("PATCH", path + named, {"status": "completed"}, key=key)
        assert reply.status == status, reply.text
    desk.told("POST", f"/{agent_id}/disable", {"release": True})
    desk.world.settle()
    late = desk.client.request("PATCH", f"{path}{agent_id}&lease=1", {"status": "completed"}, key=KEY)
    assert late.status == 409
    assert desk.world.task(task.id).status == "pending"


def test_letting_go_of_a_deleted_agent_s_tasks_may_die_anywhere(desk: Desk) -> None:
    agent_id = desk.create()
    made = [desk.submit(agent_id) for _ in range(2)]
    desk.told("DELETE", f"/{agent_id}")
    job, deaths = Job(ORG, agents.JOB_KIND, agent_id, {"pool": POOL}), 0
    while not _done_before(deaths, job):
        deaths += 1
    assert deaths > 4
    desk.world.settle()
    found = [desk.world.task(task.id) for task in made]
    assert {(task.status, task.wanted_worker, task.manual) for task in found} == {("pending", None, True)}


def _done_before(calls: int, job: Job) -> bool:
    """Do the job's step, and die in the call after so many; whether it was done before that."""
    left = iter(range(calls))

    def dies(_: aws.Call, send: Any) -> Any:
        if next(left, None) is None:
            raise Unavailable("dead")
        return send()

    with aws.interfering(dies), suppress(Unavailable):
        return JOB_STEPS[agents.JOB_KIND](job)
    return False


def test_a_task_that_waits_for_an_agent_says_how_the_agent_is(desk: Desk) -> None:
    agent_id = desk.create()
    busy, waiting = (desk.submit(agent_id) for _ in range(2))
    found = [desk.client.get(f"/api/v1/tasks/{task.id}", token=desk.token).json["data"] for task in (busy, waiting)]
    words = f"agent {agent_id}, which is busy (1 of 1 slots in use)"
    assert [task["waitingFor"] for task in found] == [None, words]
    desk.told("POST", f"/{agent_id}/disable")
    told = desk.client.get(f"/api/v1/tasks/{waiting.id}", token=desk.token).json["data"]["waitingFor"]
    assert told == f"agent {agent_id}, which is disabled"
