"""The log of code tasks over HTTP."""

from datetime import UTC, datetime

from tests.apis.codeserver import tasks
from tests.apis.codeserver.conftest import CodeserverApi
from tests.support.aws import counting
from tests.support.client import token


def levels(api: CodeserverApi, query: str = "") -> list[str]:
    page = api.call("GET", f"/api/logs{query}")
    assert page["total"] == len(page["logs"])
    return [line["level"] for line in page["logs"]]


def end_two_tasks(api: CodeserverApi) -> tuple[str, str]:
    """Complete a task and fail another; returns their ids."""
    tasks.register_worker(api.world)
    ids = []
    for failure in (None, tasks.BROKEN):
        task = tasks.submit(api.world)
        api.world.clock.advance(1)
        tasks.end(api.world, task, failure)
        ids.append(task.id)
    return ids[0], ids[1]


def test_the_log_says_what_happened_to_each_task(codeserver_api: CodeserverApi) -> None:
    done, failed = end_two_tasks(codeserver_api)
    newest = codeserver_api.call("GET", "/api/logs?limit=1")
    [line] = newest["logs"]
    assert (line["level"], line["task_id"], line["message"]) == ("error", failed, "Code generation failed")
    assert line["context"].items() >= {"language": "python", "reason": "worker_failed", "attempt": 1}.items()
    assert (newest["total"], newest["limit"]) == (4, 1)
    log = codeserver_api.call("GET", f"/api/logs/{done}")
    assert [line["message"] for line in log["logs"]] == ["Code task accepted", "Code generation completed"]
    assert (log["task_id"], log["total"]) == (done, 2)
    assert log["logs"][0]["timestamp"] < log["logs"][1]["timestamp"]
    assert codeserver_api.call("GET", f"/api/logs?task_id={done}")["total"] == 2


def test_the_log_level_decides_which_lines_are_shown(codeserver_api: CodeserverApi) -> None:
    done, _ = end_two_tasks(codeserver_api)
    for level, shown in (("debug", {"debug", "info", "error"}), ("warning", {"error"}), ("error", {"error"})):
        codeserver_api.call("PUT", "/api/config", {"log_level": level})
        assert {*levels(codeserver_api)} == shown
        assert {*levels(codeserver_api, "?level=info")} == ({"info"} & shown)
    assert codeserver_api.call("GET", f"/api/logs/{done}")["logs"] == []
    codeserver_api.call("PUT", "/api/config", {"log_level": "debug"})
    assert len(codeserver_api.call("GET", f"/api/logs/{done}")["logs"]) == 3, "what was not shown is still there"


def test_lines_are_those_since_a_time(codeserver_api: CodeserverApi) -> None:
    end_two_tasks(codeserver_api)
    codeserver_api.world.clock.advance(3)
    now = datetime.fromtimestamp(codeserver_api.world.clock.now() / 1000, UTC).replace(tzinfo=None)
    tasks.submit(codeserver_api.world)
    codeserver_api.world.settle()
    for written in (now.isoformat(), f"{now.isoformat()}Z", f"{now.isoformat()}%2B00:00"):
        assert levels(codeserver_api, f"?from_time={written}") == ["info"]
    assert levels(codeserver_api, "?from_time=2020-01-01T00:00:00") == levels(codeserver_api)


def test_anothers_log_is_not_there(codeserver_api: CodeserverApi) -> None:
    done, _ = end_two_tasks(codeserver_api)
    theirs = token(org="umbra")
    assert codeserver_api.call("GET", f"/api/logs?task_id={done}", token=theirs) == {
        "logs": [],
        "total": 0,
        "limit": 100,
    }
    assert codeserver_api.call("GET", "/api/logs", token=theirs)["total"] == 0
    assert codeserver_api.request("GET", f"/api/logs/{done}", token=theirs).status == 404
    assert codeserver_api.request("GET", "/api/logs/nowhere").status == 404


def test_requests_cost_no_more_than_their_budgets(codeserver_api: CodeserverApi) -> None:
    done, _ = end_two_tasks(codeserver_api)
    for path, budget in (("/api/logs", 5), (f"/api/logs?task_id={done}", 3), (f"/api/logs/{done}", 4)):
        with counting() as calls:
            codeserver_api.call("GET", path)
        assert calls.total() == budget, (path, dict(calls))
