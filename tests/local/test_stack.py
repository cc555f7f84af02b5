"""Everything but HTTP, in one thread: what is submitted is done when the pump has run dry."""

from collections.abc import Iterator

import pytest

from chalicelib import clock, config
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.statistics import daily
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.tasks import submission as submissions
from chalicelib.engine.tasks.submission import Submission
from chalicelib.providers.http import outbound
from infra.local.lambdas.pump import Pump
from infra.local.stack import stack
from tests.local.conftest import NOON


@pytest.fixture
def pump(moment: clock.ManualClock) -> Iterator[Pump]:
    with stack({"processing": "http://127.0.0.1:8787"}) as found:
        yield found


def submission() -> Submission:
    return Submission(pool="processing", type="toy", priority=1, payload={})


def test_what_follows_from_a_task_happens(pump: Pump) -> None:
    task = submissions.submit("acme", "ann", submission())
    pump.drain()
    assert lifecycle.get("acme", task.id).status is Status.PENDING
    assert daily.read_day("acme", "processing", NOON // clock.DAY).total["created"] == 1


def test_the_sweep_comes_by_the_clock(pump: Pump, moment: clock.ManualClock) -> None:
    task = submissions.submit("acme", "ann", submission())
    pump.drain()
    moment.advance(config.settings().schedule_to_start_seconds + 1)
    pump.drain()
    assert lifecycle.get("acme", task.id).status is Status.TIMED_OUT


def test_settings_are_the_stacks_while_it_is_up_and_not_after() -> None:
    before = config.settings()
    with stack({"processing": "http://127.0.0.1:1"}):
        assert config.settings().payload_bucket != before.payload_bucket
        assert config.settings().api_urls == {"processing": "http://127.0.0.1:1"}
        outbound.check_url("http://127.0.0.1:9")
    assert config.settings() == before
