"""Usage is counted once, by what caused it, and can be read for any days."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.usage import MetricDay, ModelDay, Usage, total_usage
from chalicelib.engine.usage import ledger
from chalicelib.errors import Conflict
from chalicelib.storage.aws import dynamodb
from tests.support import aws
from tests.support.world import ORG, World

DAY = "2026-01-01"


def models(org: str = ORG, first: str = DAY, last: str = "2026-12-31") -> list[ModelDay]:
    return ledger.read_models(org, first, last)


def test_calls_are_added_up_for_each_model_and_day(world: World) -> None:
    ledger.record(ORG, "a", "big", 100, 10, 1_500)
    ledger.record(ORG, "b", "big", 200, 20, 3_000)
    ledger.record(ORG, "c", "small", 1, 2, 0)
    world.clock.advance(86_400)
    ledger.record(ORG, "d", "big", 5, 5, 10)
    assert models() == [
        ModelDay(DAY, "big", Usage(calls=2, tokens_in=300, tokens_out=30, microdollars=4_500)),
        ModelDay(DAY, "small", Usage(calls=1, tokens_in=1, tokens_out=2)),
        ModelDay("2026-01-02", "big", Usage(calls=1, tokens_in=5, tokens_out=5, microdollars=10)),
    ]
    assert total_usage(models()) == Usage(calls=4, tokens_in=306, tokens_out=37, microdollars=4_510)
    assert total_usage(models()).tokens == 343


def test_one_source_is_counted_once_whatever_it_says_later(world: World) -> None:
    assert ledger.record(ORG, "task_1:1", "big", 100, 10, 1_500)
    assert not ledger.record(ORG, "task_1:1", "big", 100, 10, 1_500)
    assert not ledger.record_failure(ORG, "task_1:1", "small")
    assert not ledger.record_metric(ORG, "task_1:1", "pages", "requests", 3)
    assert models() == [ModelDay(DAY, "big", Usage(calls=1, tokens_in=100, tokens_out=10, microdollars=1_500))]
    assert ledger.record("other", "task_1:1", "big", 1, 1), "another org's source is another"


def test_of_many_at_once_one_counts(world: World) -> None:
    counted: list[bool] = []
    threads = [
        threading.Thread(target=lambda: counted.append(ledger.record(ORG, "same", "big", 1, 1))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counted) == [False] * 7 + [True]
    assert total_usage(models()).calls == 1


def test_a_write_whose_answer_was_lost_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    call = dynamodb.call

    def call_twice(*arguments: object) -> object:
        call(*arguments)  # type: ignore[arg-type]
        return call(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(dynamodb, "call", call_twice)
    ledger.record(ORG, "a", "big", 1, 1)
    monkeypatch.undo()
    assert total_usage(models()).calls == 1


def test_what_is_unknown_is_counted_as_such_and_not_as_nothing(world: World) -> None:
    ledger.record(ORG, "a", "big", None, None)
    ledger.record(ORG, "b", "big", 10, None, None)
    ledger.record(ORG, "c", "big", 10, 10)
    [row] = models()
    assert row.usage == Usage(calls=3, tokens_in=20, tokens_out=10, uncounted=2, unpriced=3)


def test_failures_are_no_calls(world: World) -> None:
    ledger.record_failure(ORG, "a", "big")
    assert models() == [ModelDay(DAY, "big", Usage(failures=1))]


def test_metrics_of_the_org_s_own_are_counted_beside_the_models(world: World) -> None:
    for number, value in enumerate((100, 0.5)):
        ledger.record_metric(ORG, f"m{number}", "pages#2", "tokens", value)
    ledger.record_metric(ORG, "m3", "pages#2", "requests", 1)
    assert ledger.read_metrics(ORG, DAY, DAY) == [
        MetricDay(DAY, "pages#2", "requests", 1, 1.0),
        MetricDay(DAY, "pages#2", "tokens", 2, 100.5),
    ]
    assert models() == []


def test_a_range_has_its_first_and_its_last_day_and_nobody_else_s(world: World) -> None:
    for number in range(4):
        ledger.record(ORG, f"s{number}", "a#b", 1, 1)
        ledger.record("other", f"s{number}", "a#b", 1, 1)
        world.clock.advance(86_400)
    assert [row.day for row in models(first="2026-01-02", last="2026-01-03")] == ["2026-01-02", "2026-01-03"]
    assert {row.model for row in models()} == {"a#b"}
    assert models("nobody") == []


def test_each_operation_keeps_to_its_budget(world: World) -> None:
    ledger.record(ORG, "warm", "big", 1, 1)
    with aws.counting() as calls:
        ledger.record(ORG, "a", "big", 1, 1)
    assert calls.total() == 1
    for number in range(200):
        ledger.record(ORG, f"n{number}", f"model-{number}", 1, 1)
    with aws.counting() as calls:
        assert len(models()) == 201
    assert calls.total() == 1


def test_first_values_of_one_metric_at_once_are_one_metric(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MAX_METRICS", 2)
    metric = ledger.TrackedMetric("pages", 1, "requests", {})
    meanwhile: list[bool] = []

    def track_another_meanwhile(call: aws.Call, send: Callable[[], Any]) -> Any:
        meanwhile.append(call == ("DynamoDB", "TransactWriteItems"))
        if sum(meanwhile) == 2:  # the first one has found that there is no such metric yet
            with aws.without_interference():
                assert ledger.track(ORG, "two", metric)
        return send()

    with aws.interfering(track_another_meanwhile):
        assert ledger.track(ORG, "one", metric)
    assert sum(meanwhile) >= 2
    assert ledger.track(ORG, "other", metric._replace(metric_name="other"))
    with pytest.raises(Conflict, match="2 metrics"):
        ledger.track(ORG, "third", metric._replace(metric_name="third"))
    totals = {row.name: (row.records, row.total) for row in ledger.read_metrics(ORG, DAY, DAY)}
    assert totals == {"pages": (2, 2), "other": (1, 1)}
