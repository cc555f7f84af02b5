"""What agents receive, and the effects of what they send."""

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
from tests.apis.projects.agents_api import POOL, AgentsApi, agents_api_of, submission_for
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.client import token
from tests.support.world import ORG, World, answer


@pytest.fixture
def agents_api(world: World) -> AgentsApi:
    return agents_api_of(world)


def test_an_agent_with_an_endpoint_is_handed_tasks_and_told_where_to_report(agents_api: AgentsApi) -> None:
    agents_api.world.servers["bot.example"] = lambda *_: answer(202)
    key = "a-key-of-its-own-0"
    agent_id = agents_api.create(endpoint="https://bot.example/tasks", apiKey=key)
    task = agents_api.submit(agent_id, payload={"title": "Build it"})
    [(method, url, headers, body)] = agents_api.world.calls
    assert (method, url, headers["X-API-Key"]) == ("POST", "https://bot.example/tasks", key)
    assert f'"callbackUrl":"/api/v1/tasks/{task.id}?agentId={agent_id}&lease=1"'.encode() in body
    assert agents_api.world.task(task.id).status == "running"


def test_an_endpoint_that_answers_a_get_keeps_its_agent_online_without_heartbeats(agents_api: AgentsApi) -> None:
    agents_api.world.servers["bot.example"] = lambda *_: answer(200, {})
    agent_id = agents_api.create(endpoint="https://bot.example/tasks")
    agents_api.world.advance(600)
    assert agents_api.status(agent_id) == "available"
    del agents_api.world.servers["bot.example"]
    agents_api.world.advance(180)
    assert agents_api.status(agent_id) == "offline"


def test_tasks_wait_for_the_working_hours_and_start_within_a_minute_of_them(agents_api: AgentsApi) -> None:
    hours = {"timezone": "Europe/Berlin", "start": "13:03", "end": "13:08"}  # 12:03 UTC
    agent_id = agents_api.create(workingHours=hours)
    assert (agents_api.status(agent_id), agents_api.ids("?available=true")) == ("offline", [])
    for_it, for_all = agents_api.submit(agent_id), agents_api.submit()
    agents_api.pass_time(agent_id, 120)
    assert agents_api.world.task(for_it.id).status == agents_api.world.task(for_all.id).status == "pending"
    agents_api.pass_time(agent_id, 120)  # 12:04:01
    assert agents_api.world.task(for_it.id).status == "leased"
    assert agents_api.status(agent_id) == "busy"
    agents_api.complete(for_it.id)
    assert agents_api.world.task(for_all.id).status == "leased"
    agents_api.pass_time(agent_id, 240)
    assert agents_api.status(agent_id) == "busy"  # finishing what it has
    agents_api.complete(for_all.id)
    assert agents_api.status(agent_id) == "offline"


def test_hours_that_are_widened_count_at_once(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create(workingHours={"timezone": "UTC", "start": "20:00", "end": "21:00"})
    task = agents_api.submit(agent_id)
    agents_api.call("PUT", f"/{agent_id}", {"workingHours": {"timezone": "UTC", "start": "20:00", "end": "13:00"}})
    agents_api.world.settle()
    assert agents_api.world.task(task.id).status == "leased"


def test_no_agent_ever_holds_more_than_it_may(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create(maxConcurrentTasks=3)
    tasks = [submission.submit(ORG, "u", submission_for(None, manual=True)) for _ in range(8)]
    run_together([lambda task=task: _assign(agents_api, task.id, agent_id) for task in tasks])
    agents_api.world.settle()
    assert agents_api.agent(agent_id)["currentTasks"] == 3
    held = [task.id for task in tasks if agents_api.world.task(task.id).is_held]
    run_together([lambda task_id=task_id: _finish(agents_api, task_id) for task_id in held])
    agents_api.world.settle()
    assert (agents_api.agent(agent_id)["currentTasks"], agents_api.agent(agent_id)["totalTasksCompleted"]) == (3, 3)


def _assign(agents_api: AgentsApi, task_id: str, agent_id: str) -> None:
    path = f"/api/v1/tasks/{task_id}/assign"
    assert agents_api.client.post(path, {"agentId": agent_id}, token=agents_api.token).status == 200


def _finish(agents_api: AgentsApi, task_id: str) -> None:
    task = agents_api.world.task(task_id)
    assert task.worker_id is not None
    lifecycle.complete(ORG, POOL, task_id, Holder(task.worker_id, task.epoch), None)


def test_a_disabled_agent_finishes_what_it_has_and_gets_nothing_new(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    running, waiting = agents_api.submit(agent_id), agents_api.submit(agent_id)
    shut = agents_api.call("POST", f"/{agent_id}/disable", {"reason": "Maintenance required"})
    assert (shut["enabled"], shut["disabledReason"], shut["status"]) == (False, "Maintenance required", "offline")
    assert [one["type"] for one in agents_api.beat(agent_id)["commands"]] == ["drain"]
    assert agents_api.world.task(running.id).status == "leased"
    agents_api.complete(running.id)
    assert agents_api.world.task(waiting.id).status == "pending"
    back = agents_api.call("POST", f"/{agent_id}/enable")
    agents_api.world.settle()
    assert (back["enabled"], back["disabledReason"]) == (True, None)
    assert agents_api.world.task(waiting.id).status == "leased"


def test_release_gives_back_what_a_disabled_agent_has_without_a_counted_attempt(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    task = agents_api.submit(agent_id)
    agents_api.call("POST", f"/{agent_id}/disable", {"release": True})
    agents_api.world.settle()
    found = agents_api.world.task(task.id)
    assert (found.status, found.attempts, found.wanted_worker) == ("pending", 0, agent_id)
    assert [one["type"] for one in agents_api.beat(agent_id)["commands"]] == ["cancel", "drain"]
    assert agents_api.beat(agent_id, receipts=[f"{task.id}:1"])["commands"] == [
        {"id": "drain", "type": "drain"} | NOTHING
    ]


NOTHING = {"taskId": None, "attempt": None}


def test_disabling_and_enabling_again_changes_nothing(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    for verb, body in (("disable", {"reason": "x"}), ("disable", {"reason": "x"}), ("enable", None), ("enable", None)):
        first, second = (agents_api.call("POST", f"/{agent_id}/{verb}", body) for _ in range(2))
        assert first == second
    assert agents_api.call("POST", f"/{agent_id}/disable")["disabledReason"] is None


def test_an_enabled_agent_that_was_silent_counts_as_there(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    agents_api.world.advance(300)
    assert agents_api.status(agent_id) == "offline"
    assert agents_api.call("POST", f"/{agent_id}/enable")["status"] == "available"


KEY = "a-key-of-its-own-0"


def test_an_agent_s_own_key_opens_its_work_and_nothing_else(agents_api: AgentsApi) -> None:
    agent_id, other = agents_api.create(apiKey=KEY), agents_api.create("other", apiKey="a-key-of-another")
    bare = {"token": None, "key": KEY}
    assert agents_api.request("POST", f"/{agent_id}/heartbeat", {}, **bare).status == 200
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
        assert agents_api.expect_error(401, method, path, body, **bare)["code"] == "AUTHENTICATION_ERROR"
    assert agents_api.expect_error(422, "POST", "", {"name": "x", "type": "qa", "apiKey": "ak_" + KEY})[
        "details"
    ].keys() == {"apiKey"}
    assert KEY not in agents_api.request("GET", f"/{agent_id}").text


def test_a_key_ends_with_its_agent(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create(apiKey=KEY)
    agents_api.call("DELETE", f"/{agent_id}")
    assert agents_api.request("POST", f"/{agent_id}/heartbeat", {}, token=None, key=KEY).status in (401, 404)


def test_a_deleted_agent_is_gone_and_nothing_waits_for_it(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    done, held, waiting = (agents_api.submit(agent_id) for _ in range(3))
    agents_api.complete(done.id)
    assert agents_api.call("DELETE", f"/{agent_id}") == {"id": agent_id, "deleted": True}
    assert agents_api.expect_error(404, "GET", f"/{agent_id}")["code"] == "NOT_FOUND"
    assert agents_api.expect_error(404, "DELETE", f"/{agent_id}")["code"] == "NOT_FOUND"
    assert agents_api.ids() == []
    agents_api.world.settle()
    for task_id in (held.id, waiting.id):
        task = agents_api.world.task(task_id)
        assert (task.status, task.wanted_worker, task.manual, task.lane, task.attempts) == (
            "pending",
            None,
            True,
            "any",
            0,
        )
    assert agents_api.world.task(done.id).worker_id == agent_id
    assert agents_api.world.workers() == []


def test_what_was_meant_for_an_agent_just_before_it_went_does_not_wait_for_ever(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    agents_api.call("DELETE", f"/{agent_id}")
    agents_api.world.settle()
    late = agents_api.submit(agent_id)  # its submitter had found the agent
    assert agents_api.world.task(late.id).wanted_worker == agent_id
    agents_api.world.advance(180)
    assert agents_api.world.task(late.id).wanted_worker is None


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


def test_an_agent_works_over_a_websocket(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create(socket=True, apiKey=KEY)
    assert (agents_api.status(agent_id), agents_api.agent(agent_id)["socket"]) == ("offline", True)
    task = agents_api.submit(agent_id, payload={"title": "Build it"})
    line = Socket(agents_api.world, agent_id, **{"x-api-key": KEY})
    assert line.status == 200
    [frame] = line.frames
    assert (frame["type"], frame["task_id"], frame["data"]) == ("task", task.id, {"title": "Build it"})
    said = line.say(type="result", task_id=task.id, attempt=1, lease=frame["lease"], result={"done": 1})
    assert said["type"] == "accepted"
    agents_api.world.settle()
    assert (agents_api.world.task(task.id).status, agents_api.status(agent_id)) == ("completed", "available")


def test_who_may_open_an_agent_s_websocket(agents_api: AgentsApi) -> None:
    agent_id, fetches = agents_api.create(socket=True, apiKey=KEY), agents_api.create("fetches")
    assert Socket(agents_api.world, agent_id, "nobody").status == 401
    assert Socket(agents_api.world, agent_id, "wrong", **{"x-api-key": KEY + "1"}).status == 401
    assert Socket(agents_api.world, agent_id, "stranger", {"token": token("admin", org="other")}).status == 404
    assert Socket(agents_api.world, fetches, "fetches", {"token": agents_api.token}).status == 404
    assert Socket(agents_api.world, agent_id, "manager", {"token": agents_api.token}).status == 200
    assert (
        agents_api.expect_error(409, "PUT", f"/{agent_id}", {"endpoint": "https://a.example"})["code"]
        == "CONFLICT_ERROR"
    )
    assert agents_api.expect_error(
        422, "POST", "", {"name": "x", "type": "qa", "socket": True, "endpoint": "https://a.example"}
    )


def test_an_agent_fetches_its_task_and_reports_with_nothing_but_its_own_key(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create(apiKey=KEY)
    task = agents_api.submit(agent_id, payload={"title": "Build it", "requirements": ["Fast"]})

    def ask(method: str, path: str, body: Any = None) -> Any:
        reply = agents_api.client.request(method, path, body, key=KEY)
        assert reply.status == 200, reply.text
        return reply.json["data"]

    [row] = ask("GET", f"/api/v1/agents/{agent_id}/tasks?status=active")
    path = f"/api/v1/tasks/{row['id']}?agentId={agent_id}"
    assert ask("GET", path)["requirements"] == ["Fast"]
    assert ask("PATCH", path, {"status": "active", "progress": 0.4})["progress"] == 0.4
    done = ask("PATCH", path, {"status": "completed", "result": {"pull": 17}})
    assert (done["status"], done["agentId"]) == ("completed", agent_id)
    agents_api.world.settle()
    agent = agents_api.agent(agent_id)
    assert (task.id, agent["currentTasks"], agent["totalTasksCompleted"], agent["successRate"]) == (row["id"], 0, 1, 1)


def test_the_key_of_another_api_s_worker_opens_nothing_here(agents_api: AgentsApi) -> None:
    task, worker = agents_api.submit(agents_api.create()), agents_api.world.register(api_key=KEY)
    for path in (f"/api/v1/tasks/{task.id}?agentId={worker.id}", f"/api/v1/agents/{worker.id}/tasks"):
        assert agents_api.client.request("GET", path, key=KEY).status == 401


def test_one_agent_does_not_report_for_another_nor_after_its_lease(agents_api: AgentsApi) -> None:
    agent_id, other = agents_api.create(apiKey=KEY), agents_api.create("other", apiKey="a-key-of-another")
    task = agents_api.submit(agent_id)
    path = f"/api/v1/tasks/{task.id}?agentId="
    for named, key, status in ((agent_id, "a-key-of-another", 401), (other, "a-key-of-another", 409), ("", KEY, 401)):
        reply = agents_api.client.request("PATCH", path + named, {"status": "completed"}, key=key)
        assert reply.status == status, reply.text
    agents_api.call("POST", f"/{agent_id}/disable", {"release": True})
    agents_api.world.settle()
    late = agents_api.client.request("PATCH", f"{path}{agent_id}&lease=1", {"status": "completed"}, key=KEY)
    assert late.status == 409
    assert agents_api.world.task(task.id).status == "pending"


def test_letting_go_of_a_deleted_agent_s_tasks_may_die_anywhere(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    tasks = [agents_api.submit(agent_id) for _ in range(2)]
    agents_api.call("DELETE", f"/{agent_id}")
    job, deaths = Job(ORG, agents.JOB_KIND, agent_id, {"pool": POOL}), 0
    while not _die_after(deaths, job):
        deaths += 1
    assert deaths > 4
    agents_api.world.settle()
    found = [agents_api.world.task(task.id) for task in tasks]
    assert {(task.status, task.wanted_worker, task.manual) for task in found} == {("pending", None, True)}


def _die_after(calls: int, job: Job) -> bool:
    """Run the job's step and die after this many calls. Returns whether the step was finished before."""
    left = iter(range(calls))

    def die(_: aws.Call, send: Any) -> Any:
        if next(left, None) is None:
            raise Unavailable("dead")
        return send()

    with aws.interfering(die), suppress(Unavailable):
        return JOB_STEPS[agents.JOB_KIND](job)
    return False


def test_a_task_that_waits_for_an_agent_says_how_the_agent_is(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    busy, waiting = (agents_api.submit(agent_id) for _ in range(2))
    shown_tasks = [
        agents_api.client.get(f"/api/v1/tasks/{task.id}", token=agents_api.token).json["data"]
        for task in (busy, waiting)
    ]
    words = f"agent {agent_id}, which is busy (1 of 1 slots in use)"
    assert [task["waitingFor"] for task in shown_tasks] == [None, words]
    agents_api.call("POST", f"/{agent_id}/disable")
    told = agents_api.client.get(f"/api/v1/tasks/{waiting.id}", token=agents_api.token).json["data"]["waitingFor"]
    assert told == f"agent {agent_id}, which is disabled"
