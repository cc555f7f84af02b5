from typing import Any

import pytest

from chalicelib.engine.tasks import lifecycle
from tests.apis.projects.agents_api import AGENTS, AgentsApi, agents_api_of
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
def agents_api(world: World) -> AgentsApi:
    return agents_api_of(world)


def test_an_agent_is_created_as_the_document_has_it_and_found_so(agents_api: AgentsApi) -> None:
    reply = agents_api.request("POST", body=DOCUMENTED)
    agent = reply.json["data"]
    assert (reply.status, reply.headers["location"]) == (201, f"{AGENTS}/{agent['id']}")
    assert agent["id"].startswith("agent_")
    assert DOCUMENTED.items() <= agent.items()
    figures = {"currentTasks": 0, "averageResponseTime": None, "successRate": None, "totalTasksCompleted": 0}
    assert figures.items() <= agent.items()
    assert agent["createdAt"] == agent["lastActiveAt"] == "2026-01-01T12:00:00Z"
    assert agents_api.agent(agent["id"]) == agent and agents_api.call("GET") == [agent]


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


def test_what_an_agent_cannot_be_is_refused_by_field(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    for fields, field in UNFIT:
        created = agents_api.expect_error(422, "POST", body=DOCUMENTED | fields)
        assert (created["code"], list(created["details"])) == ("VALIDATION_ERROR", [field])
        if field != "apiKey":
            assert list(agents_api.expect_error(422, "PUT", f"/{agent_id}", fields)["details"]) == [field]


def test_an_endpoint_that_may_not_be_called_is_refused(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    for url in ("http://127.0.0.1/", "http://169.254.169.254/latest", "ftp://a.example/", "no"):
        assert agents_api.request("POST", body=DOCUMENTED | {"endpoint": url}).status in (400, 422)
        assert agents_api.request("PUT", f"/{agent_id}", {"endpoint": url}).status in (400, 422)


def test_an_endpoint_belongs_to_one_agent_which_a_refusal_names(agents_api: AgentsApi) -> None:
    body = DOCUMENTED | {"endpoint": "https://bots.example/one"}
    first = agents_api.request("POST", body=body).json["data"]["id"]
    again = agents_api.request("POST", body=body | {"endpoint": "HTTPS://bots.example:443/one/"})
    assert (again.status, first in again.text) == (409, True)
    second = agents_api.request("POST", body=body | {"endpoint": "https://bots.example/two"}).json["data"]["id"]
    assert agents_api.request("PUT", f"/{second}", {"endpoint": "https://bots.example/one"}).status == 409
    assert agents_api.request("PUT", f"/{first}", {"endpoint": None}).status == 200
    assert agents_api.request("PUT", f"/{second}", {"endpoint": "https://bots.example/one"}).status == 200


def test_a_change_leaves_what_it_does_not_say_and_null_clears(agents_api: AgentsApi) -> None:
    before = agents_api.call("POST", body=DOCUMENTED)
    path = f"/{before['id']}"
    changed = agents_api.call("PUT", path, {"name": "Two", "maxConcurrentTasks": 5, "configuration": {"a": 1}})
    assert changed == before | {"name": "Two", "maxConcurrentTasks": 5, "configuration": {"a": 1}}
    cleared = agents_api.call("PUT", path, {"workingHours": None, "model": None, "capabilities": []})
    assert cleared == changed | {"workingHours": None, "model": None, "capabilities": [], "status": "available"}
    assert agents_api.call("PUT", path, {}) == cleared


def test_lists_filter_by_everything_together(agents_api: AgentsApi) -> None:
    both = agents_api.create("both", capabilities=["react", "aws"])
    reviewer = agents_api.create("one", capabilities=["react"], type="review")
    full = agents_api.create("full", capabilities=["react", "aws"])
    agents_api.submit(full)
    assert agents_api.ids() == [both, reviewer, full]
    assert agents_api.ids("?type=review") == [reviewer]
    assert agents_api.ids("?capabilities=react,aws") == [both, full]
    assert agents_api.ids("?capabilities=react, aws&available=true") == [both]
    assert agents_api.ids("?status=busy") == [full]
    assert agents_api.ids("?status=busy&available=true") == []
    assert agents_api.ids("?available=false") == [both, reviewer, full]
    assert agents_api.ids("?type=qa") == []
    assert agents_api.expect_error(422, "GET", "?type=cooking")["details"].keys() == {"type"}


def test_agents_are_listed_in_pages(agents_api: AgentsApi) -> None:
    made = [agents_api.create(str(number)) for number in range(5)]
    reply = agents_api.request("GET", "?page=2&limit=2&type=coding").json
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


def test_a_silent_agent_is_offline_until_it_is_heard_of(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    agents_api.world.advance(88)
    assert agents_api.status(agent_id) == "available"
    agents_api.world.advance(2)
    assert agents_api.status(agent_id) == "offline"
    assert agents_api.beat(agent_id)["status"] == "available"
    assert agents_api.beat(agent_id, status="unhealthy", currentLoad=0.5)["status"] == "error"
    assert agents_api.agent(agent_id)["currentLoad"] == 0.5
    assert agents_api.agent(agent_id)["lastActiveAt"] == "2026-01-01T12:01:31Z"


def test_metrics_are_what_happened(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create(maxConcurrentTasks=2)
    done, cancelled = agents_api.submit(agent_id), agents_api.submit(agent_id)
    agents_api.pass_time(agent_id, 360)
    agents_api.complete(done.id)
    lifecycle.cancel(ORG, cancelled.id)
    agents_api.world.settle()
    agents_api.pass_time(agent_id, 359)
    agents_api.world.advance(59)
    metrics = agents_api.call("GET", f"/{agent_id}/metrics")
    assert {name: set(part) if isinstance(part, dict) else None for name, part in metrics.items()} == MEASURES
    assert metrics["period"] == {"start": "2025-12-03T00:00:00Z", "end": "2026-01-01T12:12:00Z"}
    assert metrics["taskMetrics"] == {
        "totalTasks": 2,
        "completedTasks": 1,
        "failedTasks": 0,
        "cancelledTasks": 1,
        "successRate": 0.5,
        "averageCompletionTime": 0.1,
    }
    assert metrics["performanceMetrics"] == dict.fromkeys(MEASURES["performanceMetrics"]) | {
        "averageResponseTime": 360.0
    }
    assert metrics["utilizationMetrics"] == {
        "totalHours": 0.2,
        "activeHours": 0.2,
        "utilizationRate": 0.5,
        "peakHours": ["12:00-13:00"],
    }
    agent = agents_api.agent(agent_id)
    assert (agent["averageResponseTime"], agent["successRate"], agent["totalTasksCompleted"]) == (360.0, 0.5, 1)


def test_metrics_of_a_period_are_of_its_days_alone(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    agents_api.complete(agents_api.submit(agent_id).id)
    before = agents_api.call("GET", f"/{agent_id}/metrics?from=2025-12-01&to=2025-12-31")
    assert before["period"] == {"start": "2025-12-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
    assert (before["taskMetrics"]["totalTasks"], before["taskMetrics"]["successRate"]) == (0, None)
    assert before["utilizationMetrics"]["totalHours"] == 0
    today = agents_api.call("GET", f"/{agent_id}/metrics?from=2026-01-01")
    assert today["taskMetrics"]["totalTasks"] == 1
    for query in ("from=2026-01-02", "from=2026-01-01&to=2025-12-31", "from=2024-01-01", "from=soon"):
        assert agents_api.expect_error(422, "GET", f"/{agent_id}/metrics?{query}")["details"].keys() == {"from"}


def test_an_agent_is_its_own_org_s_and_its_api_s(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    stranger = token("admin", org="other")
    server = agents_api.world.register("server")
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
            caller = stranger if path_of == f"/{agent_id}" else agents_api.token
            error = agents_api.expect_error(404, method, path_of + path, body, token=caller)
            assert error["code"] == "NOT_FOUND"
        agents_api.expect_error(404, method, f"/{server.id}{path}", body)
    assert agents_api.request("GET", token=stranger).json["data"] == []
    assert agents_api.agent(agent_id)["enabled"] is True


def test_who_may_do_what_with_agents(agents_api: AgentsApi) -> None:
    agent_id, developer = agents_api.create(), token("user")
    assert agents_api.request("GET", token=developer).status == 200
    assert agents_api.request("POST", f"/{agent_id}/heartbeat", {}, token=developer).status == 200
    for method, path in (("POST", ""), ("PUT", f"/{agent_id}"), ("DELETE", f"/{agent_id}")):
        assert agents_api.expect_error(403, method, path, {}, token=developer)["code"] == "AUTHORIZATION_ERROR"


def test_what_is_asked_for_comes_with_an_agent(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create(maxConcurrentTasks=2)
    agents_api.create("other", maxConcurrentTasks=2)
    done, held = agents_api.submit(agent_id, name="done"), agents_api.submit(agent_id, name="held")
    agents_api.submit(name="somebody's")
    agents_api.complete(done.id)
    agent = agents_api.call("GET", f"/{agent_id}?include=tasks,metrics,logs")
    assert {one["id"] for one in agent["tasks"]} == {done.id, held.id}
    assert agent["metrics"]["taskMetrics"]["completedTasks"] == 1
    task_events = [line["details"]["event"] for line in agent["logs"] if line["details"].get("taskId") == done.id]
    assert task_events == ["completed", "leased"]
    assert {line["details"]["agentId"] for line in agent["logs"]} == {agent_id}
    assert agents_api.expect_error(422, "GET", f"/{agent_id}?include=tasks,friends")["details"].keys() == {"include"}


def test_an_agent_s_tasks_are_listed(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    first, second = agents_api.submit(agent_id), agents_api.submit(agent_id)
    agents_api.submit()
    reply = agents_api.request("GET", f"/{agent_id}/tasks").json
    assert ({one["id"] for one in reply["data"]}, reply["pagination"]["total"]) == ({first.id, second.id}, 2)
    assert agents_api.ids(f"/{agent_id}/tasks?status=active") == [first.id]
    assert agents_api.expect_error(404, "GET", "/agent_none/tasks")["code"] == "NOT_FOUND"


def test_how_many_calls_each_endpoint_makes(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    agents_api.submit(agent_id)
    budgets = {
        ("GET", ""): 3,  # the limit, the workers, their figures
        ("GET", f"/{agent_id}"): 3,
        ("POST", f"/{agent_id}/heartbeat"): 2,
        ("GET", f"/{agent_id}/metrics"): 3,
        ("POST", f"/{agent_id}/disable"): 4,  # the limit, read, write, its figures
        ("PUT", f"/{agent_id}"): 4,
    }
    for (method, path), most in budgets.items():
        body = None if method == "GET" else {"reason": "x"}
        with counting() as made:
            assert agents_api.request(method, path, body).status == 200
        assert made.total() <= most, (method, path, made)


def test_quality_is_the_mean_of_what_was_noted(agents_api: AgentsApi) -> None:
    agent_id = agents_api.create()
    for score in (0.9, 0.7, None):
        task = agents_api.submit(agent_id)
        body = {"status": "completed"} | ({"qualityScore": score} if score is not None else {})
        reply = agents_api.client.request(
            "PATCH", f"/api/v1/tasks/{task.id}?agentId={agent_id}", body, token=agents_api.token
        )
        assert reply.status == 200, reply.text
        agents_api.world.settle()
    found = agents_api.call("GET", f"/{agent_id}/metrics")
    assert (found["taskMetrics"]["completedTasks"], found["performanceMetrics"]["qualityScore"]) == (3, 0.8)
