"""Metrics over HTTP: measured, or null."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.training.example import Example
from chalicelib.domain.usage import REVENUE, USD, total_metric
from chalicelib.engine.training import examples
from chalicelib.engine.usage import ledger
from tests.apis.studio.conftest import StudioApi
from tests.support import aws
from tests.support.aws import counting
from tests.support.client import token
from tests.support.world import ORG

TRACK = "/api/metrics/track-usage"


def track(
    api: StudioApi, name: str = "pages", value: float = 100, unit: str = "requests", key: str = "", **more: Any
) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"metric_name": name, "value": value, "unit": unit, "tags": {"topic": "AI"}}
    return api.request("POST", TRACK, body, headers=headers, **more)


def total(name: str = "pages", unit: str = "requests") -> float | None:
    return total_metric(ledger.read_metrics(ORG, ledger.today(), ledger.today()), name, unit)


def test_usage_of_a_new_org_is_nothing_and_rates_are_null(studio_api: StudioApi) -> None:
    usage = studio_api.call("GET", "/api/metrics/usage")
    nothing = {"api_calls": 0, "tokens_used": 0, "active_users": 0, "error_rate": None, "tracked": []}
    assert usage == {"period": "day"} | nothing
    costs = studio_api.call("GET", "/api/metrics/costs")
    breakdown = {"api_calls": 0.0, "storage": None, "compute": None}
    assert costs == {"total_cost": 0.0, "breakdown": breakdown, "cost_per_task": None}
    assert studio_api.call("GET", "/api/metrics/summary")["summary"] == {
        "total_tasks": 0,
        "completion_rate": None,
        "avg_quality_score": None,
        "total_cost": 0.0,
    }


def test_requests_tokens_and_costs_move(studio_api: StudioApi) -> None:
    for number in range(3):
        ledger.record(ORG, f"call {number}", "clever", 100, 50, 700_000)
    made = studio_api.call("POST", "/api/tasks", {"task_name": "x"})["id"]
    studio_api.call("POST", "/api/tasks", {"task_name": "y"})
    studio_api.call("PATCH", f"/api/tasks/{made}", {"status": "completed"})
    studio_api.world.settle()
    usage = studio_api.call("GET", "/api/metrics/usage?period=month")
    assert (usage["api_calls"], usage["tokens_used"], usage["error_rate"]) == (3, 450, 0.0)
    studio_api.call("GET", "/api/tasks", token=token(subject="another"))
    assert (usage["active_users"], studio_api.call("GET", "/api/metrics/usage")["active_users"]) == (1, 2)
    costs = studio_api.call("GET", "/api/metrics/costs")
    assert (costs["total_cost"], costs["breakdown"]["api_calls"], costs["cost_per_task"]) == (2.1, 2.1, 2.1)
    summary = studio_api.call("GET", "/api/metrics/summary")["summary"]
    assert (summary["total_tasks"], summary["completion_rate"], summary["total_cost"]) == (2, 0.5, 2.1)
    everything = studio_api.call("GET", "/api/metrics")
    assert everything["costs"] == costs
    assert everything["usage"]["tokens_used"] == 450
    assert everything["performance"]["p99_response_time_ms"] is not None


def record_example(name: str, score: float | None, **changes: Any) -> None:
    fields: dict[str, Any] = dict.fromkeys(Example._fields) | {"execution_id": name, "word_count": 1, "decided_at": 1}
    examples.record(ORG, Example(**(fields | {"quality_score": score, "approved": True} | changes)), {}, "text")


def test_quality_is_the_mean_of_the_contents_that_have_a_score(studio_api: StudioApi) -> None:
    record_example("unscored", None)
    assert studio_api.call("GET", "/api/metrics/summary")["summary"]["avg_quality_score"] is None
    for name, score in (("good", 91.5), ("bad", 40)):
        record_example(name, score, approved=name == "good")
    ledger.record(ORG, "a", "clever", 1, 1, 5)
    with counting() as calls:
        assert studio_api.call("GET", "/api/metrics/summary")["summary"]["avg_quality_score"] == 65.8
    assert calls.total() <= 1 + 3, "the rate limit, and three figures"


def test_the_cost_of_calls_without_a_price_is_unknown(studio_api: StudioApi) -> None:
    ledger.record(ORG, "a", "free", 1, 1)
    assert studio_api.call("GET", "/api/metrics/costs")["total_cost"] is None
    ledger.record(ORG, "b", "clever", 1, 1, 5)
    assert studio_api.call("GET", "/api/metrics/costs")["total_cost"] == 5e-06


def test_last_month_is_not_this_month(studio_api: StudioApi) -> None:
    ledger.record(ORG, "a", "clever", 1, 1, 5)
    studio_api.world.clock.advance(31 * 86_400)
    assert studio_api.call("GET", "/api/metrics/costs", token=token("user"))["total_cost"] == 0


def test_a_value_is_counted_once_by_its_key(studio_api: StudioApi) -> None:
    first, again = track(studio_api, key="k").json, track(studio_api, key="k").json
    assert first == {
        "metric_name": "pages",
        "value": 100.0,
        "unit": "requests",
        "tags": {"topic": "AI"},
        "counted": True,
        "tracked_at": "2026-01-01T12:00:00Z",
    }
    assert again == first | {"counted": False}
    assert track(studio_api, value=7, key="k").status == 409
    assert total() == 100
    for _ in range(2):
        track(studio_api, value=0.5)
    assert total() == 101


def test_a_value_whose_answer_was_lost_was_counted(studio_api: StudioApi) -> None:
    def send_again(call: aws.Call, send: Callable[[], Any]) -> Any:
        if call == ("DynamoDB", "TransactWriteItems"):
            send()
        return send()

    track(studio_api)
    with aws.interfering(send_again):
        assert track(studio_api).json["counted"]
    assert total() == 200


def test_the_key_of_another_caller_is_another_key(studio_api: StudioApi) -> None:
    for caller in (studio_api.token, token(subject="another")):
        assert track(studio_api, key="k", token=caller).json["counted"]
    assert total() == 200


def test_usage_shows_what_was_tracked_in_the_period(studio_api: StudioApi) -> None:
    track(studio_api, "pages", 0.1, "requests")
    track(studio_api, "old", 1, "requests", token=token(subject="x", org="umbra"))
    studio_api.world.clock.advance(86_400)
    track(studio_api, "pages", 0.2, "requests", token=token("user"))
    track(studio_api, "pages", 7, "tokens", token=token("user"))
    today = studio_api.call("GET", "/api/metrics/usage", token=token("user"))["tracked"]
    assert today == [
        {"metric_name": "pages", "unit": "requests", "total": 0.2},
        {"metric_name": "pages", "unit": "tokens", "total": 7.0},
    ]
    month = studio_api.call("GET", "/api/metrics/usage?period=month", token=token("user"))["tracked"]
    assert [row["total"] for row in month] == [0.3, 7.0]
    assert studio_api.call("GET", "/api/metrics", token=token("user"))["usage"]["tracked"] == today


def test_the_field_of_a_wrong_tag_is_named(studio_api: StudioApi) -> None:
    body = {"metric_name": "pages", "value": 1, "unit": "requests", "tags": {"a": 1}}
    assert list(studio_api.request("POST", TRACK, body).json["fields"]) == ["tags.a"]


def test_too_many_tags_are_counted_in_the_error(studio_api: StudioApi) -> None:
    body = {"metric_name": "pages", "value": 1, "unit": "requests", "tags": {f"t{n}": "x" for n in range(11)}}
    fields = studio_api.request("POST", TRACK, body).json["fields"]
    assert fields == {"tags": "must be an object of at most 10 fields, got 11"}


def test_the_name_of_a_tag_has_a_form(studio_api: StudioApi) -> None:
    body = {"metric_name": "pages", "value": 1, "unit": "requests", "tags": {"a b": "x"}}
    fields = studio_api.request("POST", TRACK, body).json["fields"]
    assert fields == {"tags": r'must be an object with names of fields matching ^[\w.:-]{1,64}$, got "a b"'}


def test_revenue_is_a_metric(studio_api: StudioApi) -> None:
    assert total(REVENUE, USD) is None
    track(studio_api, REVENUE, 12.5, USD)
    assert total(REVENUE, USD) == 12.5


@pytest.mark.parametrize("value", [0, 1e-300, 1e12])
def test_values_at_the_bounds_are_counted(studio_api: StudioApi, value: float) -> None:
    assert track(studio_api, value=value).status == 200
    assert total() == (value if value != 1e-300 else 0)


def test_the_metrics_of_a_day_are_bounded(studio_api: StudioApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MAX_METRICS", 2)
    statuses = [track(studio_api, name).status for name in ("a", "b", "c", "a")]
    assert statuses == [200, 200, 409, 200]
    assert (total("a"), total("c")) == (200, None)


def test_what_tracking_costs(studio_api: StudioApi) -> None:
    track(studio_api)
    with counting() as calls:
        track(studio_api)
    assert calls.total() == 2
