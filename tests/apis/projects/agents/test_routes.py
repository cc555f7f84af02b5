from typing import Any

import pytest

from chalicelib.engine.tasks import lifecycle
from tests.apis.projects.agency import AGENTS, Desk, open_desk
from tests.support.aws import counting
from tests.support.client import token
from tests.support.world import ORG, World

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


@pytest.fixture
def desk(world: World) -> Desk:
    return open_desk(world)


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


UNFIT: list[tuple[dict[str, Any], str]] = [
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
]


def test_what_an_agent_cannot_be_is_refused_by_field(desk: Desk) -> None:
    agent_id = desk.create()
    for said, field in UNFIT:
        created = desk.refused(422, "POST", body=DOCUMENTED | said)
        assert (created["code"], list(created["details"])) == ("VALIDATION_ERROR", [field])
        if field != "apiKey":
            assert list(desk.refused(422, "PUT", f"/{agent_id}", said)["details"]) == [field]


def test_an_endpoint_that_may_not_be_called_is_refused(desk: Desk) -> None:
    agent_id = desk.create()
    for url in ("http://127.0.0.1/", "http://169.254.169.254/latest", "ftp://a.example/", "no"):
        assert desk.ask("POST", body=DOCUMENTED | {"endpoint": url}).status in (400, 422)
        assert desk.ask("PUT", f"/{agent_id}", {"endpoint": url}).status in (400, 422)


def test_an_endpoint_is_one_agents_and_whoever_asks_for_it_is_told_whose(desk: Desk) -> None:
    body = DOCUMENTED | {"endpoint": "https://bots.example/one"}
    first = desk.ask("POST", body=body).json["data"]["id"]
    again = desk.ask("POST", body=body | {"endpoint": "HTTPS://bots.example:443/one/"})
    assert (again.status, first in again.text) == (409, True)
    second = desk.ask("POST", body=body | {"endpoint": "https://bots.example/two"}).json["data"]["id"]
    assert desk.ask("PUT", f"/{second}", {"endpoint": "https://bots.example/one"}).status == 409
    assert desk.ask("PUT", f"/{first}", {"endpoint": None}).status == 200
    assert desk.ask("PUT", f"/{second}", {"endpoint": "https://bots.example/one"}).status == 200


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
    desk.world.advance(88)
    assert desk.status(agent_id) == "available"
    desk.world.advance(2)
    assert desk.status(agent_id) == "offline"
    assert desk.beat(agent_id)["status"] == "available"
    assert desk.beat(agent_id, status="unhealthy", currentLoad=0.5)["status"] == "error"
    assert desk.agent(agent_id)["currentLoad"] == 0.5
    assert desk.agent(agent_id)["lastActiveAt"] == "2026-01-01T12:01:31Z"


def test_metrics_are_what_happened(desk: Desk) -> None:
    agent_id = desk.create(maxConcurrentTasks=2)
    done, cancelled = desk.submit(agent_id), desk.submit(agent_id)
    desk.pass_time(agent_id, 360)
    desk.complete(done.id)
    lifecycle.cancel(ORG, cancelled.id)
    desk.world.settle()
    desk.pass_time(agent_id, 359)
    desk.world.advance(59)
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
    server = desk.world.register("server")
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


def test_quality_is_the_mean_of_what_was_noted(desk: Desk) -> None:
    agent_id = desk.create()
    for score in (0.9, 0.7, None):
        task = desk.submit(agent_id)
        body = {"status": "completed"} | ({"qualityScore": score} if score is not None else {})
        reply = desk.client.request("PATCH", f"/api/v1/tasks/{task.id}?agentId={agent_id}", body, token=desk.token)
        assert reply.status == 200, reply.text
        desk.world.settle()
    found = desk.told("GET", f"/{agent_id}/metrics")
    assert (found["taskMetrics"]["completedTasks"], found["performanceMetrics"]["qualityScore"]) == (3, 0.8)
