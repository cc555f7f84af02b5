"""Submitting and following tasks."""

from typing import Any

import pytest

from chalicelib import config
from chalicelib.engine.tasks import lifecycle
from tests.apis.support.conftest import SupportApi
from tests.support.client import token
from tests.support.world import ORG

EXAMPLE = {
    "type": "sentiment_analysis",
    "data": {
        "text": "Great customer service experience!",
        "channel": "chat",
        "customer_id": "CUST123",
        "priority": "high",
    },
}


def test_the_documented_task_is_accepted_performed_and_shown(support_api: SupportApi) -> None:
    reply = support_api.post("/task", EXAMPLE)
    accepted = reply.json
    assert (reply.status, list(accepted)) == (
        202,
        ["task_id", "status", "queue_position", "estimated_process_time"],
    )
    assert (accepted["status"], accepted["queue_position"]) == ("accepted", 1)
    path = f"/task/{accepted['task_id']}"
    waits = "its turn: the built-in performer has room"
    assert support_api.get(path) == {"task_id": accepted["task_id"], "status": "queued", "waiting_for": waits}
    support_api.world.settle()
    done = support_api.get(path)
    assert list(done) == ["task_id", "status", "result"]
    assert (done["status"], done["result"]["sentiment"]) == ("completed", "positive")
    assert 0.5 < done["result"]["confidence"] <= 1
    assert done["result"]["processing_time"].endswith("s")
    task = lifecycle.get(ORG, accepted["task_id"])
    assert (task.payload, task.priority, task.label, task.submitted_by) == (EXAMPLE["data"], 6, "chat", "dev")


@pytest.mark.parametrize(("word", "priority"), [("low", 2), ("normal", 4), ("high", 6), ("urgent", 8), (None, 4)])
def test_each_priority_has_its_number_in_the_engine(word: str | None, priority: int, support_api: SupportApi) -> None:
    said = {} if word is None else {"priority": word}
    assert lifecycle.get(ORG, support_api.submit(**said)["task_id"]).priority == priority


@pytest.mark.parametrize(
    ("body", "field", "what"),
    [
        ({}, "type", "is required"),
        ({"type": "sentiment_analysis"}, "data.text", "is required"),
        ({"type": "sentiment_analysis", "data": {}}, "data.text", "is required"),
        ({"type": "sentiment_analysis", "data": {"text": ""}}, "data.text", "String should have at least 1 character"),
        ({"type": "sentiment_analysis", "data": {"text": 7}}, "data.text", "must be a valid string"),
        (
            {"type": "sentiment_analysis", "data": {"text": "x" * 20_001}},
            "data.text",
            "String should have at most 20000 characters",
        ),
        ({"type": "t", "data": []}, "data", "must be an object, got a list"),
        (
            {"type": "t", "data": {"priority": "asap"}},
            "data.priority",
            'must be one of: low, normal, high, urgent, got "asap"',
        ),
        (
            {"type": "t", "data": {"channel": "a b"}},
            "data.channel",
            'must be a string of at most 64 characters matching ^[A-Za-z0-9][A-Za-z0-9._-]*$, got "a b"',
        ),
        ([], "body", "must be an object"),
        ("{", None, None),
    ],
)
def test_what_cannot_be_done_is_refused_by_naming_the_field(
    body: Any, field: str | None, what: str | None, support_api: SupportApi
) -> None:
    reply = support_api.post("/task", body)
    error = reply.json["error"]
    assert (reply.status, error["code"]) == (400, "INVALID_INPUT")
    if field is not None:
        assert error["details"][field].startswith(what)
        assert field == "body" or field in error["message"]
    assert support_api.world.tasks() == []


def test_a_task_must_fit_into_a_frame(support_api: SupportApi) -> None:
    frame = len('{"text":""}')
    fits = support_api.post("/task", {"type": "t", "data": {"text": "ü" * ((100_000 - frame) // 2)}})
    assert fits.status == 202
    refused = support_api.post("/task", {"type": "t", "data": {"text": "ü" * ((100_000 - frame) // 2 + 1)}})
    error = refused.json["error"]
    assert (refused.status, error["code"]) == (413, "INVALID_INPUT")
    assert error["details"] == {"data": "must have at most 100000 bytes as JSON"}
    assert "100000" in error["message"]


def test_one_idempotency_key_is_one_task(support_api: SupportApi) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = (support_api.post("/task", EXAMPLE, **key).json for _ in range(2))
    assert first["task_id"] == second["task_id"]
    support_api.world.settle()
    late = support_api.post("/task", EXAMPLE, **key)
    assert (late.status, late.json["task_id"], late.json["queue_position"]) == (202, first["task_id"], 0)
    other = support_api.post("/task", {"type": "t"}, **key)
    assert (other.status, other.json["error"]["code"]) == (409, "CONFLICT")
    assert len(support_api.world.tasks()) == 1


def test_a_task_of_another_type_waits_for_a_worker_that_names_it(support_api: SupportApi) -> None:
    task_id = support_api.submit(text="Hallo")["task_id"]
    support_api.connect("other", types=["summary"])
    assert support_api.get(f"/task/{task_id}")["status"] == "queued"
    frames = support_api.connect(3)
    sent = [frame for frame in frames if frame["type"] == "task"]
    assert [(frame["task_id"], frame["task_type"], frame["data"]) for frame in sent] == [
        (task_id, "translation", {"text": "Hallo"})
    ]
    assert support_api.get(f"/task/{task_id}") == {"task_id": task_id, "status": "processing"}
    task = lifecycle.get(ORG, task_id)
    lifecycle.report_progress(ORG, task_id, None, 45)
    assert support_api.get(f"/task/{task_id}")["progress"] == 45
    support_api.complete(task.id, {"text": "Hello"})
    assert support_api.get(f"/task/{task_id}") == {
        "task_id": task_id,
        "status": "completed",
        "result": {"text": "Hello"},
    }


def test_a_failed_task_says_why_and_one_that_is_tried_again_is_queued(support_api: SupportApi) -> None:
    support_api.connect(3)
    task_id = support_api.submit()["task_id"]
    support_api.fail(task_id, retryable=True)
    waits = "its next attempt: not before 2026-01-01T12:00:01Z"
    assert support_api.get(f"/task/{task_id}") == {"task_id": task_id, "status": "queued", "waiting_for": waits}
    support_api.world.advance(10)
    support_api.fail(task_id)
    assert support_api.get(f"/task/{task_id}") == {
        "task_id": task_id,
        "status": "failed",
        "error": {"code": "WORKER_FAILED", "message": "no dictionary"},
    }


def test_a_task_that_nobody_took_in_time_has_failed(support_api: SupportApi) -> None:
    task_id = support_api.submit()["task_id"]
    support_api.world.clock.advance(86_400)
    support_api.world.sweep()
    shown = support_api.get(f"/task/{task_id}")
    assert (shown["status"], shown["error"]["code"]) == ("failed", "SCHEDULE_TO_START_TIMEOUT")


def test_a_cancelled_task_is_shown_as_such(support_api: SupportApi) -> None:
    task_id = support_api.submit()["task_id"]
    lifecycle.cancel(ORG, task_id)
    assert support_api.get(f"/task/{task_id}") == {"task_id": task_id, "status": "cancelled"}


def test_a_task_of_another_org_or_another_api_is_not_there(support_api: SupportApi) -> None:
    task_id = support_api.submit()["task_id"]
    elsewhere = support_api.world.submit(pool="processing").id
    for wanted, caller in (
        (task_id, token(org="umbra")),
        (elsewhere, support_api.token),
        ("task_none", support_api.token),
    ):
        reply = support_api.client.get(f"/task/{wanted}", token=caller)
        assert reply.status == 404
        assert reply.json["error"] == {
            "code": "TASK_NOT_FOUND",
            "message": f"Task not found: {wanted}",
            "details": {"task_id": "does not exist"},
        }


def test_a_full_queue_takes_no_more_and_each_org_has_its_own(support_api: SupportApi) -> None:
    config.replace(queue_limits={"support": 2})
    for _ in range(2):
        support_api.submit()
    full = support_api.post("/task", {"type": "t"})
    assert (full.status, full.json["error"]["code"]) == (503, "QUEUE_FULL")
    assert full.json["error"]["details"] == {"limit": "2"}
    assert support_api.client.post("/task", {"type": "t"}, token=token(org="umbra")).status == 202
    frames = support_api.connect(3)
    support_api.world.advance(3)
    assert frames
    assert support_api.post("/task", {"type": "t"}).status == 202


def test_without_a_limit_any_number_may_wait(support_api: SupportApi) -> None:
    config.replace(queue_limits={"support": 0})
    for _ in range(3):
        support_api.submit()
    assert support_api.post("/task", {"type": "t"}).status == 202
