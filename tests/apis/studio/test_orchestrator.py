from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.tasks.pools import EXECUTIONS_POOL, STEPS_POOL
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.workflows.definitions import WORKFLOWS
from chalicelib.domain.workflows.workflow import Step, Workflow
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import registration
from chalicelib.engine.workers.registration import Registration
from chalicelib.engine.workflows import registry
from tests.apis.studio.conftest import StudioApi
from tests.support.client import token
from tests.support.world import ORG, World

TWO = Workflow(
    "content_creation",
    (Step("write", STEPS_POOL, "work", max_attempts=1), Step("publish", STEPS_POOL, "work", approval_seconds=600)),
)
ROOT = "/api/orchestrator"


@pytest.fixture(autouse=True)
def workflows() -> Iterator[None]:
    with registry.use(TWO):
        yield


class Studio:
    """A task of the studio, and a worker that does the steps of its workflow."""

    def __init__(self, api: StudioApi) -> None:
        self.api = api
        fields = Registration(STEPS_POOL, "worker", "w", max_concurrent=5, id="w")
        registration.register(ORG, fields)
        brief = {"topic": "tea", "category": "Drinks", "task_metadata": {"style": "loud"}}
        self.task_id = str(api.call("POST", "/api/tasks", {"task_name": "Tea", **brief})["id"])

    def process(self, **parameters: Any) -> Any:
        body = {"task_id": self.task_id, "workflow_type": "content_creation", "parameters": parameters}
        answer = self.api.call("POST", f"{ROOT}/process", body)
        self.api.world.settle()
        return answer

    def end_step(self, result: Any) -> None:
        [step] = [task for task in self.api.world.tasks() if task.is_held and task.pool == STEPS_POOL]
        lifecycle.complete(ORG, STEPS_POOL, step.id, Holder("w", step.epoch), result)
        self.api.world.settle()

    def decide(self, approved: bool, **more: Any) -> Any:
        answer = self.api.call("POST", f"{ROOT}/approve/{self.task_id}", {"approved": approved, **more})
        self.api.world.settle()
        return answer

    def status(self) -> tuple[str, int, str]:
        answer = self.api.call("GET", f"{ROOT}/status/{self.task_id}")
        return answer["status"], answer["progress"], answer["current_step"]

    def approval(self) -> tuple[bool, str | None, str | None]:
        answer = self.api.call("GET", f"{ROOT}/approval/{self.task_id}")
        return answer["requires_approval"], answer["approval_status"], answer["feedback"]

    def task(self) -> Task:
        return lifecycle.get(ORG, self.task_id)


@pytest.fixture
def studio(studio_api: StudioApi) -> Studio:
    return Studio(studio_api)


def test_a_workflow_does_a_task_and_its_result_waits_for_approval(studio: Studio) -> None:
    started = studio.process(style="plain")
    assert started["status"] == "processing" and started["result"] is None
    execution = lifecycle.get(ORG, started["execution_id"], EXECUTIONS_POOL)
    assert execution.payload == {"topic": "tea", "category": "Drinks", "style": "plain"}
    assert (studio.status(), studio.approval()) == (("processing", 0, "write"), (True, None, None))
    assert studio.task().status is Status.RUNNING
    studio.end_step({"content": "a b c", "quality_score": 80})
    assert (studio.status(), studio.approval()) == (("processing", 50, "publish"), (True, "pending", None))
    decided = studio.decide(approved=True, feedback="Good", notes="For Monday")
    assert (decided["approval_status"], decided["feedback"], decided["notes"]) == ("approved", "Good", "For Monday")
    assert (studio.status(), studio.approval()) == (("approved", 50, "publish"), (True, "approved", "Good"))
    studio.end_step({"slug": "tea"})
    assert studio.status() == ("completed", 100, "publish")
    task = studio.api.call("GET", f"/api/tasks/{studio.task_id}")
    assert (task["status"], task["task_metadata"]["slug"]) == ("completed", "tea")
    assert (task["task_metadata"]["content"], task["task_metadata"]["quality_score"]) == ("a b c", 80)
    assert studio.process(style="plain") == started | {"status": "completed", "result": {"slug": "tea"}}


def test_a_rejection_ends_the_task_which_can_be_processed_again(studio: Studio) -> None:
    first = studio.process()
    studio.end_step({"content": "a b"})
    studio.decide(approved=False, feedback="Too short")
    assert (studio.status()[0], studio.approval()) == ("rejected", (True, "rejected", "Too short"))
    assert studio.task().status is Status.FAILED
    again = studio.process(length="long")
    assert again["execution_id"] != first["execution_id"]
    assert studio.status() == ("processing", 0, "write")


def test_the_same_request_again_gets_the_same_execution_and_another_is_refused(studio: Studio) -> None:
    assert studio.process() == studio.process()
    body = {"task_id": studio.task_id, "workflow_type": "content_creation", "parameters": {"style": "loud"}}
    studio.api.expect_error(409, "POST", f"{ROOT}/process", body)


@pytest.mark.parametrize(
    ("workflow", "parameters", "field"),
    [
        ("analysis", {}, "parameters.content"),
        ("optimization", {"content": 5}, "parameters.content"),
        ("optimization", {"content": "Tea.", "length": "endless"}, "parameters.length"),
    ],
)
def test_what_the_workflow_cannot_use_is_refused_with_its_name_and_changes_nothing(
    studio: Studio, workflow: str, parameters: Any, field: str
) -> None:
    before = studio.api.call("PATCH", f"/api/tasks/{studio.task_id}", {"status": "failed"})
    body = {"task_id": studio.task_id, "workflow_type": workflow, "parameters": parameters}
    with registry.use(*WORKFLOWS):
        refusal = studio.api.request("POST", f"{ROOT}/process", body)
    assert (refusal.status, refusal.json["type"], list(refusal.json["fields"])) == (400, "validation_error", [field])
    assert studio.api.call("GET", f"/api/tasks/{studio.task_id}") == before


def test_a_task_says_why_its_workflow_failed(studio: Studio) -> None:
    studio.process()
    [step] = [task for task in studio.api.world.tasks() if task.is_held and task.pool == STEPS_POOL]
    failure = reported_failure("no ink", retryable=False)
    lifecycle.fail(ORG, step.id, Holder("w", step.epoch), failure)
    studio.api.world.settle()
    task = studio.api.call("GET", f"/api/tasks/{studio.task_id}")
    assert task["status"] == "failed" and "no ink" in task["error"]


def test_the_same_decision_again_is_accepted_and_the_other_is_refused(studio: Studio) -> None:
    studio.process()
    studio.api.expect_error(409, "POST", f"{ROOT}/approve/{studio.task_id}", {"approved": True})
    studio.end_step({})
    assert studio.decide(approved=True) == studio.decide(approved=True)
    refusal = studio.api.expect_error(409, "POST", f"{ROOT}/approve/{studio.task_id}", {"approved": False})
    assert refusal == f"The result of task {studio.task_id} is approved already"


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_nothing_is_approved_for_a_task_that_its_owner_has_ended(studio: Studio, end: str) -> None:
    studio.process()
    studio.end_step({})
    studio.api.call("PATCH", f"/api/tasks/{studio.task_id}", {"status": end})
    refusal = studio.api.expect_error(409, "POST", f"{ROOT}/approve/{studio.task_id}", {"approved": True})
    assert refusal == f"Task {studio.task_id} is {end}: it waits for no approval"
    studio.api.world.settle()
    assert (studio.status()[0], studio.approval()) == ("failed", (True, None, None))
    studio.api.expect_error(409, "POST", f"{ROOT}/approve/{studio.task_id}", {"approved": True})


def test_a_task_that_somebody_works_on_is_not_processed(studio: Studio) -> None:
    lifecycle.cancel(ORG, studio.task_id)
    body = {"task_id": studio.task_id, "workflow_type": "content_creation"}
    studio.api.expect_error(409, "POST", f"{ROOT}/process", body)
    assert studio.api.world.tasks() == [studio.task()]


def test_a_failed_step_fails_the_task_with_its_reason(studio: Studio) -> None:
    started = studio.process()
    [step] = [task for task in studio.api.world.tasks() if task.parent == started["execution_id"]]
    lifecycle.cancel(ORG, step.id)
    studio.api.world.settle()
    assert studio.status() == ("failed", 0, "write")
    assert studio.task().error == {
        "code": "worker_failed",
        "message": "Step write ended without a result: it was cancelled",
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/tasks/{task_id}", {"status": "cancelled"}),
        ("POST", "/api/bulk", {"operation": "update_status", "parameters": {"new_status": "cancelled"}}),
        ("POST", "/api/bulk", {"operation": "delete"}),
    ],
)
def test_who_cancels_or_deletes_a_task_cancels_its_workflow_and_the_steps(
    studio: Studio, method: str, path: str, body: dict[str, Any]
) -> None:
    execution = studio.process()["execution_id"]
    more = {"task_ids": [studio.task_id]} if method == "POST" else {}
    studio.api.call(method, path.format(task_id=studio.task_id), {**body, **more})
    studio.api.world.settle()
    details = studio.api.call("GET", f"/api/workflow/{execution}/details")
    assert (details["status"], [step["status"] for step in details["steps"]]) == ("failure", ["cancelled", "pending"])
    found = [row["id"] for row in studio.api.call("GET", "/api/tasks?status=cancelled")["tasks"]]
    assert found == ([] if body.get("operation") == "delete" else [studio.task_id])


def test_a_stranger_sees_neither_the_task_nor_its_workflow(studio: Studio) -> None:
    studio.process()
    stranger = token("user", org="other")
    for path in ("status", "approval"):
        studio.api.expect_error(404, "GET", f"{ROOT}/{path}/{studio.task_id}", token=stranger)
    studio.api.expect_error(404, "POST", f"{ROOT}/approve/{studio.task_id}", {"approved": True}, token=stranger)
    assert studio.api.call("GET", f"{ROOT}/history", token=stranger)["executions"] == []


def test_the_history_says_how_executions_ended_and_pages(studio: Studio, world: World) -> None:
    started = studio.process()
    [row] = studio.api.call("GET", f"{ROOT}/history")["executions"]
    assert row["task_id"] == studio.task_id
    assert (row["result"], row["completed_at"], row["duration_ms"]) == (None, None, None)
    world.advance(5)
    studio.end_step({})
    studio.decide(approved=False)
    [row] = studio.api.call("GET", f"{ROOT}/history?limit=1")["executions"]
    assert (row["id"], row["result"], row["duration_ms"]) == (started["execution_id"], "failure", 5_000)


def test_workflows_are_counted_and_their_steps_measured(studio: Studio, world: World) -> None:
    nothing = studio.api.call("GET", "/api/workflow/statistics")
    assert (nothing["total_executions"], nothing["success_rate"], nothing["avg_duration_ms"]) == (0, None, None)
    assert studio.api.call("GET", "/api/workflow/performance-metrics")["bottleneck"] is None
    started = studio.process()
    world.advance(7)
    studio.end_step({"content": "x"})
    studio.decide(approved=True)
    world.advance(2)
    studio.end_step({"slug": "tea"})
    figures = {"total_executions": 1, "success_rate": 1.0, "avg_duration_ms": 9_000}
    counted = studio.api.call("GET", "/api/workflow/statistics")
    assert counted == {**figures, "workflows": [{"workflow_name": "content_creation", **figures}]}
    assert studio.api.call("GET", "/api/workflow/performance-metrics") == {
        "throughput": 1,
        "avg_latency_ms": 4_500,
        "peak_latency_ms": 7_000,
        "bottleneck": "write",
    }
    details = studio.api.call("GET", f"/api/workflow/{started['execution_id']}/details")
    assert [(step["step_name"], step["status"], step["duration_ms"], step["output"]) for step in details["steps"]] == [
        ("write", "completed", 7_000, {"content": "x"}),
        ("publish", "completed", 2_000, {"slug": "tea"}),
    ]
    listed = studio.api.call("GET", "/api/workflow/content_creation/history")
    assert [row["id"] for row in listed["executions"]] == [started["execution_id"]]
    by_execution = studio.api.call("GET", f"/api/workflow/{started['execution_id']}/history")
    assert by_execution == listed | {"workflow_id": started["execution_id"]}
    studio.api.expect_error(404, "GET", "/api/workflow/knitting/history")
    studio.api.expect_error(404, "GET", f"/api/workflow/{studio.task_id}/history")
    stranger = token("user", org="other")
    studio.api.expect_error(404, "GET", f"/api/workflow/{started['execution_id']}/history", token=stranger)
