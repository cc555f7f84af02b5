from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.apis.projects import api
from chalicelib.domain.tasks import Holder, Task
from chalicelib.engine import tasks
from chalicelib.engine.tasks import Submission
from tests.engine.helpers import together
from tests.support.aws import counting
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import ORG, World, answer

POOL = "projects"
AGENTS = "/api/v1/agents"
DAY = 86_400
FIVE_YEARS = 5 * 365 * DAY
DOCUMENTED = {
    "name": "Full Stack Developer Bot",
    "type": "coding",
    "model": "gpt-4",
    "provider": "openai",
    "capabilities": ["react", "nodejs", "python", "postgresql", "aws"],
    "specializations": ["full-stack", "microservices", "devops"],
    "maxConcurrentTasks": 2,
    "workingHours": {
        "timezone": "America/New_York",
        "start": "09:00",
        "end": "17:00",
        "days": ["monday", "tuesday", "wednesday", "thursday", "friday"],
    },
    "configuration": {"temperature": 0.7, "maxTokens": 4000, "codeStyle": "clean-code"},
}
MEASURES = {
    "agentId": None,
    "period": {"start", "end"},
    "taskMetrics": {
        "totalTasks",
        "completedTasks",
        "failedTasks",
        "cancelledTasks",
        "successRate",
        "averageCompletionTime",
    },
    "performanceMetrics": {"averageResponseTime", "qualityScore", "customerSatisfaction", "codeQualityScore"},
    "utilizationMetrics": {"totalHours", "activeHours", "utilizationRate", "peakHours"},
}


def meant(agent_id: str | None, **said: Any) -> Submission:
    """What the API submits: for this agent only if one is named."""
    base = {"type": "task", "priority": 4, "timeout_seconds": DAY, "total_seconds": FIVE_YEARS}
    return Submission(pool=POOL, wanted_worker=agent_id, **(base | said))


@dataclass
class Desk:
    """The API as a project manager sees it; tasks come from the engine."""

    house: World
    client: Client
    token: str

    def ask(self, method: str, path: str = "", body: Any = None, **more: Any) -> Reply:
        return self.client.request(method, AGENTS + path, body, **({"token": self.token} | more))

    def told(self, method: str, path: str = "", body: Any = None) -> Any:
        """The data of the answer to a request that must succeed."""
        reply = self.ask(method, path, body)
        assert reply.status in (200, 201), reply.text
        return reply.json["data"]

    def refused(self, status: int, method: str, path: str = "", body: Any = None, **more: Any) -> Any:
        """The error of the refusal of this status that a request must get."""
        reply = self.ask(method, path, body, **more)
        assert reply.status == status, reply.text
        return reply.json["error"]

    def create(self, name: str = "one", **said: Any) -> str:
        found = self.told("POST", body={"name": name, "type": "coding"} | said)
        self.house.advance(1)
        return str(found["id"])

    def agent(self, agent_id: str) -> dict[str, Any]:
        return dict(self.told("GET", f"/{agent_id}"))

    def status(self, agent_id: str) -> str:
        return str(self.agent(agent_id)["status"])

    def ids(self, query: str = "") -> list[str]:
        return [one["id"] for one in self.told("GET", query)]

    def submit(self, agent_id: str | None = None, org: str = ORG, **said: Any) -> Task:
        """A task, for this agent only if one is named."""
        task = tasks.submit(org, "user_1", meant(agent_id, **said))
        self.house.settle()
        return task

    def beat(self, agent_id: str, **said: Any) -> dict[str, Any]:
        return dict(self.told("POST", f"/{agent_id}/heartbeat", said))

    def pass_time(self, agent_id: str, seconds: int) -> None:
        """Time passes, and the agent sends its heartbeats."""
        for _ in range(seconds // 60):
            self.beat(agent_id)
            self.house.advance(60)

    def complete(self, task_id: str) -> None:
        task = self.house.task(task_id)
        assert task.worker_id is not None
        tasks.complete(ORG, POOL, task_id, Holder(task.worker_id, task.epoch), {"done": True})
        self.house.settle()


@pytest.fixture
def desk(house: World) -> Desk:
    return Desk(house, Client(api, conformance(api)), token("admin", plan="enterprise"))


def test_an_agent_is_created_as_the_document_has_it_and_found_so(desk: Desk) -> None:
    reply = desk.ask("POST", body=DOCUMENTED)
    made = reply.json["data"]
    assert (reply.status, reply.headers["location"]) == (201, f"{AGENTS}/{made['id']}")
    assert made["id"].startswith("agent_")
    assert DOCUMENTED.items() <= made.items()
    figures = {"currentTasks": 0, "averageResponseTime": None, "successRate": None, "totalTasksCompleted": 0}
    assert figures.items() <= made.items()
    assert made["createdAt"] == made["lastActiveAt"] == "2026-01-01T12:00:00Z"
    assert desk.agent(made["id"]) == made and desk.told("GET") == [made]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": ""}, "name"),
        ({"type": "cooking"}, "type"),
        ({"maxConcurrentTasks": 0}, "maxConcurrentTasks"),
        ({"maxConcurrentTasks": 501}, "maxConcurrentTasks"),
        ({"capabilities": [""]}, "capabilities.0"),
        ({"workingHours": {"timezone": "Mars/Olympus", "start": "09:00", "end": "17:00"}}, "workingHours.timezone"),
        ({"workingHours": {"timezone": "UTC", "start": "24:00", "end": "17:00"}}, "workingHours.start"),
        ({"workingHours": {"timezone": "UTC", "start": "09:00", "end": "9am"}}, "workingHours.end"),
        ({"workingHours": {"timezone": "UTC", "start": "09:00", "end": "17:00", "days": []}}, "workingHours.days"),
        ({"configuration": []}, "configuration"),
        ({"apiKey": "short"}, "apiKey"),
    ],
)
def test_what_an_agent_cannot_be_is_refused_by_field(desk: Desk, said: dict[str, Any], field: str) -> None:
    agent_id = desk.create()
    created = desk.refused(422, "POST", body=DOCUMENTED | said)
    assert (created["code"], list(created["details"])) == ("VALIDATION_ERROR", [field])
    if field != "apiKey":
        assert list(desk.refused(422, "PUT", f"/{agent_id}", said)["details"]) == [field]


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://169.254.169.254/latest", "ftp://a.example/", "no"])
def test_an_endpoint_that_may_not_be_called_is_refused(desk: Desk, url: str) -> None:
    agent_id = desk.create()
    assert desk.ask("POST", body=DOCUMENTED | {"endpoint": url}).status in (400, 422)
    assert desk.ask("PUT", f"/{agent_id}", {"endpoint": url}).status in (400, 422)


def test_a_change_leaves_what_it_does_not_say_and_null_clears(desk: Desk) -> None:
    before = desk.told("POST", body=DOCUMENTED)
    path = f"/{before['id']}"
    changed = desk.told("PUT", path, {"name": "Two", "maxConcurrentTasks": 5, "configuration": {"a": 1}})
    assert changed == before | {"name": "Two", "maxConcurrentTasks": 5, "configuration": {"a": 1}}
    cleared = desk.told("PUT", path, {"workingHours": None, "model": None, "capabilities": []})
    assert cleared == changed | {"workingHours": None, "model": None, "capabilities": [], "status": "available"}
    assert desk.told("PUT", path, {}) == cleared


def test_lists_filter_by_everything_together(desk: Desk) -> None:
    both = desk.create("both", capabilities=["react", "aws"])
    one = desk.create("one", capabilities=["react"], type="review")
    full = desk.create("full", capabilities=["react", "aws"])
    desk.submit(full)
    assert desk.ids() == [both, one, full]
    assert desk.ids("?type=review") == [one]
    assert desk.ids("?capabilities=react,aws") == [both, full]
    assert desk.ids("?capabilities=react, aws&available=true") == [both]
    assert desk.ids("?status=busy") == [full]
    assert desk.ids("?status=busy&available=true") == []
    assert desk.ids("?available=false") == [both, one, full]
    assert desk.ids("?type=qa") == []
    assert desk.refused(422, "GET", "?type=cooking")["details"].keys() == {"type"}


def test_pages_of_agents(desk: Desk) -> None:
    made = [desk.create(str(number)) for number in range(5)]
    reply = desk.ask("GET", "?page=2&limit=2&type=coding").json
    assert [one["id"] for one in reply["data"]] == made[2:4]
    assert reply["pagination"] == {
        "page": 2,
        "limit": 2,
        "total": 5,
        "pages": 3,
        "hasNext": True,
        "hasPrev": True,
    }
    assert reply["links"]["next"] == f"{AGENTS}?page=3&limit=2&type=coding"


def test_a_silent_agent_is_offline_until_it_is_heard_of(desk: Desk) -> None:
    agent_id = desk.create()
    desk.house.advance(88)
    assert desk.status(agent_id) == "available"
    desk.house.advance(2)
    assert desk.status(agent_id) == "offline"
    assert desk.beat(agent_id)["status"] == "available"
    assert desk.beat(agent_id, status="unhealthy")["status"] == "error"
    assert desk.agent(agent_id)["lastActiveAt"] == "2026-01-01T12:01:31Z"


def test_an_agent_with_an_endpoint_is_handed_tasks_and_told_where_to_report(desk: Desk) -> None:
    desk.house.servers["bot.example"] = lambda *_: answer(202)
    key = "a-key-of-its-own-0"
    agent_id = desk.create(endpoint="https://bot.example/tasks", apiKey=key)
    task = desk.submit(agent_id, payload={"title": "Build it"})
    [(method, url, headers, body)] = desk.house.calls
    assert (method, url, headers["X-API-Key"]) == ("POST", "https://bot.example/tasks", key)
    assert f'"callbackUrl":"/api/v1/tasks/{task.id}?agentId={agent_id}&lease=1"'.encode() in body
    assert desk.house.task(task.id).status == "running"


def test_an_endpoint_that_answers_a_get_keeps_its_agent_online_without_heartbeats(desk: Desk) -> None:
    desk.house.servers["bot.example"] = lambda *_: answer(200, {})
    agent_id = desk.create(endpoint="https://bot.example/tasks")
    desk.house.advance(600)
    assert desk.status(agent_id) == "available"
    del desk.house.servers["bot.example"]
    desk.house.advance(180)
    assert desk.status(agent_id) == "offline"


def test_tasks_wait_for_the_working_hours_and_start_within_a_minute_of_them(desk: Desk) -> None:
    hours = {"timezone": "Europe/Berlin", "start": "13:03", "end": "13:08"}  # 12:03 UTC
    agent_id = desk.create(workingHours=hours)
    assert (desk.status(agent_id), desk.ids("?available=true")) == ("offline", [])
    for_it, for_all = desk.submit(agent_id), desk.submit()
    desk.pass_time(agent_id, 120)
    assert desk.house.task(for_it.id).status == desk.house.task(for_all.id).status == "pending"
    desk.pass_time(agent_id, 120)  # 12:04:01
    assert desk.house.task(for_it.id).status == "leased"
    assert desk.status(agent_id) == "busy"
    desk.complete(for_it.id)
    assert desk.house.task(for_all.id).status == "leased"
    desk.pass_time(agent_id, 240)
    assert desk.status(agent_id) == "busy"  # finishing what it has
    desk.complete(for_all.id)
    assert desk.status(agent_id) == "offline"


def test_hours_that_are_widened_count_at_once(desk: Desk) -> None:
    agent_id = desk.create(workingHours={"timezone": "UTC", "start": "20:00", "end": "21:00"})
    task = desk.submit(agent_id)
    desk.told("PUT", f"/{agent_id}", {"workingHours": {"timezone": "UTC", "start": "20:00", "end": "13:00"}})
    desk.house.settle()
    assert desk.house.task(task.id).status == "leased"


def test_no_agent_ever_holds_more_than_it_may(desk: Desk) -> None:
    agent_id = desk.create(maxConcurrentTasks=3)
    made = together([lambda: tasks.submit(ORG, "u", meant(agent_id)) for _ in range(12)])
    desk.house.settle()
    assert desk.agent(agent_id)["currentTasks"] == 3
    held = [task.id for task in made if desk.house.task(task.id).held]
    together([lambda task_id=task_id: _finish(desk, task_id) for task_id in held])
    desk.house.settle()
    assert (desk.agent(agent_id)["currentTasks"], desk.agent(agent_id)["totalTasksCompleted"]) == (3, 3)


def _finish(desk: Desk, task_id: str) -> None:
    task = desk.house.task(task_id)
    assert task.worker_id is not None
    tasks.complete(ORG, POOL, task_id, Holder(task.worker_id, task.epoch), None)


def test_a_disabled_agent_finishes_what_it_has_and_gets_nothing_new(desk: Desk) -> None:
    agent_id = desk.create()
    running, waiting = desk.submit(agent_id), desk.submit(agent_id)
    shut = desk.told("POST", f"/{agent_id}/disable", {"reason": "Maintenance required"})
    assert (shut["enabled"], shut["disabledReason"], shut["status"]) == (False, "Maintenance required", "offline")
    assert [one["type"] for one in desk.beat(agent_id)["commands"]] == ["drain"]
    assert desk.house.task(running.id).status == "leased"
    desk.complete(running.id)
    assert desk.house.task(waiting.id).status == "pending"
    back = desk.told("POST", f"/{agent_id}/enable")
    desk.house.settle()
    assert (back["enabled"], back["disabledReason"]) == (True, None)
    assert desk.house.task(waiting.id).status == "leased"


def test_release_gives_back_what_a_disabled_agent_has_unburned(desk: Desk) -> None:
    agent_id = desk.create()
    task = desk.submit(agent_id)
    desk.told("POST", f"/{agent_id}/disable", {"release": True})
    desk.house.settle()
    found = desk.house.task(task.id)
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
    desk.house.advance(300)
    assert desk.status(agent_id) == "offline"
    assert desk.told("POST", f"/{agent_id}/enable")["status"] == "available"


def test_metrics_are_what_happened(desk: Desk) -> None:
    agent_id = desk.create(maxConcurrentTasks=2)
    done, cancelled = desk.submit(agent_id), desk.submit(agent_id)
    desk.pass_time(agent_id, 360)
    desk.complete(done.id)
    tasks.cancel(ORG, cancelled.id)
    desk.house.settle()
    desk.pass_time(agent_id, 359)
    desk.house.advance(59)
    found = desk.told("GET", f"/{agent_id}/metrics")
    assert {name: set(part) if isinstance(part, dict) else None for name, part in found.items()} == MEASURES
    assert found["period"] == {"start": "2025-12-03T00:00:00Z", "end": "2026-01-01T12:12:00Z"}
    assert found["taskMetrics"] == {
        "totalTasks": 2,
        "completedTasks": 1,
        "failedTasks": 0,
        "cancelledTasks": 1,
        "successRate": 0.5,
        "averageCompletionTime": 0.1,
    }
    assert found["performanceMetrics"] == dict.fromkeys(MEASURES["performanceMetrics"]) | {"averageResponseTime": 360.0}
    assert found["utilizationMetrics"] == {
        "totalHours": 0.2,
        "activeHours": 0.2,
        "utilizationRate": 0.5,
        "peakHours": ["12:00-13:00"],
    }
    agent = desk.agent(agent_id)
    assert (agent["averageResponseTime"], agent["successRate"], agent["totalTasksCompleted"]) == (360.0, 0.5, 1)


def test_metrics_of_a_period_are_of_its_days_alone(desk: Desk) -> None:
    agent_id = desk.create()
    desk.complete(desk.submit(agent_id).id)
    before = desk.told("GET", f"/{agent_id}/metrics?from=2025-12-01&to=2025-12-31")
    assert before["period"] == {"start": "2025-12-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
    assert (before["taskMetrics"]["totalTasks"], before["taskMetrics"]["successRate"]) == (0, None)
    assert before["utilizationMetrics"]["totalHours"] == 0
    today = desk.told("GET", f"/{agent_id}/metrics?from=2026-01-01")
    assert today["taskMetrics"]["totalTasks"] == 1
    for query in ("from=2026-01-02", "from=2026-01-01&to=2025-12-31", "from=2024-01-01", "from=soon"):
        assert desk.refused(422, "GET", f"/{agent_id}/metrics?{query}")["details"].keys() == {"from"}


def test_an_agent_is_its_own_org_s_and_its_api_s(desk: Desk) -> None:
    agent_id = desk.create()
    stranger = token("admin", org="other")
    server = desk.house.register("server")
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", {}),
        ("DELETE", "", None),
        ("POST", "/enable", None),
        ("POST", "/disable", {}),
        ("POST", "/heartbeat", {}),
        ("GET", "/metrics", None),
    ):
        for path_of in (f"/{agent_id}", "/agent_none", "/%23pool"):
            caller = stranger if path_of == f"/{agent_id}" else desk.token
            error = desk.refused(404, method, path_of + path, body, token=caller)
            assert error["code"] == "NOT_FOUND"
        desk.refused(404, method, f"/{server.id}{path}", body)
    assert desk.ask("GET", token=stranger).json["data"] == []
    assert desk.agent(agent_id)["enabled"] is True


def test_who_may_do_what_with_agents(desk: Desk) -> None:
    agent_id, developer = desk.create(), token("user")
    assert desk.ask("GET", token=developer).status == 200
    assert desk.ask("POST", f"/{agent_id}/heartbeat", {}, token=developer).status == 200
    for method, path in (("POST", ""), ("PUT", f"/{agent_id}"), ("DELETE", f"/{agent_id}")):
        assert desk.refused(403, method, path, {}, token=developer)["code"] == "AUTHORIZATION_ERROR"


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
    assert desk.refused(422, "POST", "", DOCUMENTED | {"apiKey": "ak_" + KEY})["details"].keys() == {"apiKey"}
    assert KEY not in desk.ask("GET", f"/{agent_id}").text


def test_a_key_ends_with_its_agent(desk: Desk) -> None:
    agent_id = desk.create(apiKey=KEY)
    desk.told("DELETE", f"/{agent_id}")
    assert desk.ask("POST", f"/{agent_id}/heartbeat", {}, token=None, key=KEY).status in (401, 404)


def test_what_is_asked_for_comes_with_an_agent(desk: Desk) -> None:
    agent_id = desk.create(maxConcurrentTasks=2)
    desk.create("other", maxConcurrentTasks=2)
    done, held = desk.submit(agent_id, name="done"), desk.submit(agent_id, name="held")
    desk.submit(name="somebody's")
    desk.complete(done.id)
    found = desk.told("GET", f"/{agent_id}?include=tasks,metrics,logs")
    assert {one["id"] for one in found["tasks"]} == {done.id, held.id}
    assert found["metrics"]["taskMetrics"]["completedTasks"] == 1
    said = [line["details"]["event"] for line in found["logs"] if line["details"].get("taskId") == done.id]
    assert said == ["completed", "leased"]
    assert {line["details"]["agentId"] for line in found["logs"]} == {agent_id}
    assert desk.refused(422, "GET", f"/{agent_id}?include=tasks,friends")["details"].keys() == {"include"}


def test_an_agent_s_tasks_are_listed(desk: Desk) -> None:
    agent_id = desk.create()
    first, second = desk.submit(agent_id), desk.submit(agent_id)
    desk.submit()
    reply = desk.ask("GET", f"/{agent_id}/tasks").json
    assert ({one["id"] for one in reply["data"]}, reply["pagination"]["total"]) == ({first.id, second.id}, 2)
    assert desk.ids(f"/{agent_id}/tasks?status=active") == [first.id]
    assert desk.refused(404, "GET", "/agent_none/tasks")["code"] == "NOT_FOUND"


def test_a_deleted_agent_is_gone_and_nothing_waits_for_it(desk: Desk) -> None:
    agent_id = desk.create()
    done, held, waiting = (desk.submit(agent_id) for _ in range(3))
    desk.complete(done.id)
    assert desk.told("DELETE", f"/{agent_id}") == {"id": agent_id, "deleted": True}
    assert desk.refused(404, "GET", f"/{agent_id}")["code"] == "NOT_FOUND"
    assert desk.refused(404, "DELETE", f"/{agent_id}")["code"] == "NOT_FOUND"
    assert desk.ids() == []
    desk.house.settle()
    for task_id in (held.id, waiting.id):
        task = desk.house.task(task_id)
        assert (task.status, task.wanted_worker, task.manual, task.lane, task.attempts) == (
            "pending",
            None,
            True,
            "any",
            0,
        )
    assert desk.house.task(done.id).worker_id == agent_id
    assert desk.house.workers() == []


def test_what_was_meant_for_an_agent_just_before_it_went_does_not_wait_for_ever(desk: Desk) -> None:
    agent_id = desk.create()
    desk.told("DELETE", f"/{agent_id}")
    desk.house.settle()
    late = desk.submit(agent_id)  # its submitter had found the agent
    assert desk.house.task(late.id).wanted_worker == agent_id
    desk.house.advance(180)
    assert desk.house.task(late.id).wanted_worker is None


def test_how_many_calls_each_endpoint_makes(desk: Desk) -> None:
    agent_id = desk.create()
    desk.submit(agent_id)
    budgets = {
        ("GET", ""): 3,  # the limit, the crew, their figures
        ("GET", f"/{agent_id}"): 3,
        ("POST", f"/{agent_id}/heartbeat"): 2,
        ("GET", f"/{agent_id}/metrics"): 3,
        ("POST", f"/{agent_id}/disable"): 4,  # the limit, read, write, its figures
        ("PUT", f"/{agent_id}"): 4,
    }
    for (method, path), most in budgets.items():
        body = None if method == "GET" else {"reason": "x"}
        with counting() as made:
            assert desk.ask(method, path, body).status == 200
        assert made.total() <= most, (method, path, made)
