"""The stack without HTTP, in one thread: `drain` handles everything that was submitted."""

import json
from collections.abc import Iterator

import pytest

from chalicelib import clock, config
from chalicelib.domain.models.chat import Message
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.models import chat_tasks
from chalicelib.engine.models.generation import Ask
from chalicelib.engine.statistics import daily
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.tasks import submission as submissions
from chalicelib.engine.tasks.submission import Submission
from chalicelib.providers.http import outbound
from infra.local.lambdas.pump import Pump
from infra.local.stack import stack
from tests.local.conftest import NOON
from tests.support.model_servers import OpenAiServer, serving


@pytest.fixture
def pump(manual_clock: clock.ManualClock) -> Iterator[Pump]:
    with stack({"processing": "http://127.0.0.1:8787"}) as found:
        yield found


def submission() -> Submission:
    return Submission(pool="processing", type="toy", priority=1, payload={})


def test_a_submitted_task_is_counted(pump: Pump) -> None:
    task = submissions.submit("acme", "ann", submission())
    pump.drain()
    assert lifecycle.get("acme", task.id).status is Status.PENDING
    assert daily.read_day("acme", "processing", NOON // clock.DAY).total["created"] == 1


def test_a_model_is_called_over_a_real_connection_on_its_own_queue(pump: Pump) -> None:
    with serving(OpenAiServer()) as url:
        models = [{"id": "echo", "context_length": 1000}]
        provider = {"name": "here", "protocol": "openai", "url": f"{url}/v1", "models": models}
        before = config.replace(models=json.dumps([provider]))
        ask = Ask(messages=(Message("user", "one two"),))
        task = chat_tasks.submit("acme", "ann", ask, api="studio")
        pump.drain()
        config.restore(before)
    assert lifecycle.get("acme", task.id).result["text"] == "one two "


def test_the_sweep_comes_by_the_clock(pump: Pump, manual_clock: clock.ManualClock) -> None:
    task = submissions.submit("acme", "ann", submission())
    pump.drain()
    manual_clock.advance(config.settings().schedule_to_start_seconds + 1)
    pump.drain()
    assert lifecycle.get("acme", task.id).status is Status.TIMED_OUT


def test_settings_are_the_stacks_until_it_ends() -> None:
    before = config.settings()
    with stack({"processing": "http://127.0.0.1:1"}):
        assert config.settings().payload_bucket != before.payload_bucket
        assert config.settings().api_urls == {"processing": "http://127.0.0.1:1"}
        outbound.check_url("http://127.0.0.1:9")
    assert config.settings() == before
