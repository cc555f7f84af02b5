"""Metrics and logs of the functions, as CloudWatch gets them."""

import json

import pytest

from chalicelib import observability
from chalicelib.observability import count, measure, observed
from tests.support.world import World, answer


@pytest.fixture
def emf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics on, and none left over from what other tests did outside a handler."""
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    observability.metrics().clear_metrics()
    observability.metrics.cache_clear()


@pytest.mark.usefixtures("emf")
def test_a_handler_sends_its_metrics_when_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    @observed
    def handler() -> None:
        count("Settled", 3)

    handler()
    [line] = capsys.readouterr().out.splitlines()
    sent = json.loads(line)
    assert sent["Settled"] == [3.0]
    assert sent["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Yardmaster"


@pytest.mark.usefixtures("emf")
def test_metrics_are_sent_though_the_handler_fails(capsys: pytest.CaptureFixture[str]) -> None:
    @observed
    def handler() -> None:
        count("Stuck", 1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        handler()
    assert '"Stuck":[1.0]' in capsys.readouterr().out


@pytest.mark.usefixtures("emf")
def test_a_tasks_life_is_counted_by_event(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.register(reply=answer(200, {"ok": True}))
    world.submit()
    world.settle()
    seen = capsys.readouterr().out
    for event in ("submitted", "leased", "completed"):
        assert f'"Event.{event}":[1.0]' in seen


@pytest.mark.usefixtures("emf")
def test_failures_are_counted_by_their_reason(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.register(reply=answer(500))
    world.submit(max_attempts=2)
    world.settle()
    world.advance(60)
    seen = capsys.readouterr().out
    assert seen.count('"Failure.worker_failed":[1.0]') == 2


@pytest.mark.usefixtures("emf")
def test_a_deployment_s_metrics_carry_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "second")
    measure("Age", 1_500)
    observability.metrics().flush_metrics()
    sent = json.loads(capsys.readouterr().out)
    assert (sent["service"], sent["Age"]) == ("second", [1.5])
    assert sent["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "Age", "Unit": "Seconds"}]
    observability.metrics.cache_clear()
