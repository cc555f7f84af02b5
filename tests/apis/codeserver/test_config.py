"""The configuration over HTTP."""

import pytest

from chalicelib import config
from chalicelib.engine.models import catalogue
from tests.apis.codeserver import tasks
from tests.apis.codeserver.conftest import CodeserverApi
from tests.support.aws import counting
from tests.support.models import MODELS
from tests.support.world import ORG


def test_settings_are_in_force_once_they_are_changed(codeserver_api: CodeserverApi) -> None:
    before = codeserver_api.call("GET", "/api/config")
    assert before["agent"] == {
        "name": "OpenHands",
        "version": "4.1",
        "timeout_seconds": 300,
        "max_retries": 2,
        "log_level": "info",
    }
    changes = {"timeout_seconds": 600, "max_retries": 3, "log_level": "debug"}
    updated = codeserver_api.call("PUT", "/api/config", changes)
    assert (updated["status"], updated["changes"]) == ("updated", changes)
    assert codeserver_api.call("GET", "/api/config")["agent"].items() >= changes.items()
    codeserver_api.call("PUT", "/api/config", {"max_retries": 0})
    assert codeserver_api.call("GET", "/api/config")["agent"].items() >= (changes | {"max_retries": 0}).items()


def test_the_models_are_those_of_the_org(codeserver_api: CodeserverApi) -> None:
    assert codeserver_api.call("GET", "/api/config")["models"] == {"default": None, "fallback": []}
    config.replace(models=MODELS)
    shown = codeserver_api.call("GET", "/api/config")["models"]
    assert shown == {"default": "clever", "fallback": ["fast", "careful", "small"]}
    codeserver_api.call("POST", "/api/model/switch", {"model_id": "careful"})
    shown = codeserver_api.call("GET", "/api/config")["models"]
    assert shown == {"default": "careful", "fallback": ["clever", "fast", "small"]}


def test_an_unknown_setting_is_refused_with_the_known_ones_and_nothing_is_changed(
    codeserver_api: CodeserverApi,
) -> None:
    reply = codeserver_api.request("PUT", "/api/config", {"timeout_seconds": 600, "colour": "red"})
    assert reply.status == 400
    assert reply.json["message"] == (
        "colour: is not a field of this body, which has timeout_seconds, max_retries, log_level"
    )
    empty = codeserver_api.request("PUT", "/api/config", {})
    assert (empty.status, empty.json["message"]) == (
        400,
        "The body must have at least one of timeout_seconds, max_retries, log_level",
    )
    assert codeserver_api.call("GET", "/api/config")["agent"]["timeout_seconds"] == 300


def test_agents_are_the_registered_workers_and_what_else_is_configured(codeserver_api: CodeserverApi) -> None:
    world = codeserver_api.world
    worker = world.register("coder", pool="codeserver", endpoints={}, api_key=None)
    codeserver_api.call("POST", "/api/config/agent", {"agent_id": worker.id, "config": {"version": "2.0"}})
    config = {"stealth_mode": True, "viewport": "1920x1080", "timeout": 30000, "name": "steel-browser"}
    configured = codeserver_api.call("POST", "/api/config/agent", {"agent_id": "agent-05", "config": config})
    assert (configured["agent_id"], configured["status"]) == ("agent-05", "configured")
    agents = codeserver_api.call("GET", "/api/config/agents")
    rows = {row["id"]: (row["name"], row["status"], row["version"], row["config"]) for row in agents["agents"]}
    assert rows == {
        worker.id: ("coder", "active", "2.0", {"version": "2.0"}),
        "agent-05": ("steel-browser", "inactive", None, config),
    }
    assert agents["total"] == 2
    world.clock.advance(200)
    [row, _] = codeserver_api.call("GET", "/api/config/agents")["agents"]
    assert row["status"] == "inactive", "it is silent"


def test_a_worker_that_registers_again_has_its_configuration(codeserver_api: CodeserverApi) -> None:
    for number in range(3):
        worker_id = codeserver_api.call("POST", "/api/workers", {"name": "coder"})["id"]
        if number == 0:
            body = {"agent_id": worker_id, "config": {"tone": "dry"}}
            assert codeserver_api.call("POST", "/api/config/agent", body)["agent_id"] == worker_id
        [row] = codeserver_api.call("GET", "/api/config/agents")["agents"]
        assert (row["id"], row["config"]) == (worker_id, {"tone": "dry"})
        codeserver_api.call("DELETE", f"/api/workers/{worker_id}")
    [gone] = codeserver_api.call("GET", "/api/config/agents")["agents"]
    assert (gone["id"], gone["status"], gone["config"]) == ("coder", "inactive", {"tone": "dry"})


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_configuration_can_be_removed(codeserver_api: CodeserverApi, by: str) -> None:
    worker = codeserver_api.call("POST", "/api/workers", {"name": "coder"})
    codeserver_api.call("POST", "/api/config/agent", {"agent_id": "coder", "config": {"tone": "dry"}})
    codeserver_api.call("DELETE", f"/api/config/agent/{worker[by]}")
    assert [row["config"] for row in codeserver_api.call("GET", "/api/config/agents")["agents"]] == [{}]
    assert codeserver_api.request("DELETE", f"/api/config/agent/{worker[by]}").status == 404


def test_another_orgs_and_another_apis_workers_are_no_agents(codeserver_api: CodeserverApi) -> None:
    codeserver_api.world.register("theirs", org="umbra", pool="codeserver", endpoints={}, api_key=None)
    codeserver_api.world.register("coordinators", org=ORG, pool="coordinator", endpoints={}, api_key=None)
    assert codeserver_api.call("GET", "/api/config/agents") == {"agents": [], "total": 0}


BUDGETS = {
    ("GET", "/api/config"): 3,
    ("PUT", "/api/config"): 3,
    ("GET", "/api/config/agents"): 3,
    ("POST", "/api/config/agent"): 4,
    ("DELETE", "/api/config/agent/a"): 4,
}


def test_requests_cost_no_more_than_their_budgets(codeserver_api: CodeserverApi) -> None:
    bodies = {"PUT": {"max_retries": 1}, "POST": {"agent_id": "a", "config": {}}}
    for (method, path), budget in BUDGETS.items():
        with counting() as calls:
            codeserver_api.call(method, path, bodies.get(method))
        assert calls.total() == budget, (method, path, dict(calls))


def test_capabilities_are_those_that_somebody_offers_now(
    codeserver_api: CodeserverApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_capabilities() -> list[str]:
        return list(codeserver_api.call("GET", "/api/config")["capabilities"])

    assert list_capabilities() == []
    config.replace(models=MODELS)
    with monkeypatch.context() as installing:
        installing.setattr(catalogue, "model_status", lambda _: "installing")
        assert list_capabilities() == []
    assert list_capabilities() == ["chat"]
    worker = {"name": "coder", "runs_tests": True}
    registered = codeserver_api.call("POST", "/api/workers", worker)["id"]
    assert codeserver_api.call("GET", "/api/config/agents")["agents"][0]["id"] == registered
    assert list_capabilities() == ["chat"], "it has not connected"
    for runs_tests, expected in ((False, ["code-generation", "chat"]), (True, ["code-generation", "testing", "chat"])):
        tasks.register_worker(codeserver_api.world, runs_tests=runs_tests)
        assert list_capabilities() == expected
    codeserver_api.world.clock.advance(3_600)
    assert list_capabilities() == ["chat"], "nobody is there any more"
