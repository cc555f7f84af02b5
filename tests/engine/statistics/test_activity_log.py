"""The activity log of an org: its refused requests, and what its tasks and agents did."""

from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder
from chalicelib.engine.statistics import activity_log
from chalicelib.engine.statistics.activity_log import FLUSH_INTERVAL_MS, LINES_PER_DOCUMENT, Line
from chalicelib.engine.tasks import lifecycle
from chalicelib.errors import Unavailable
from chalicelib.storage.aws import dynamodb
from tests.support import aws
from tests.support.client import answered_request
from tests.support.world import ORG, POOL, START, World


def read(**filters: Any) -> list[Line]:
    return activity_log.read_lines(ORG, POOL, **({"since": START - clock.DAY} | filters))


def pass_flush_interval(world: World) -> None:
    world.clock.advance(FLUSH_INTERVAL_MS / 1000)


def test_refused_requests_are_written_together_and_others_not_at_all(world: World) -> None:
    with aws.counting() as calls:
        for status in (200, 404, 500, 201):
            activity_log.record_request(answered_request(ORG, status, 3.2))
    assert not calls
    pass_flush_interval(world)
    with aws.counting() as calls:
        activity_log.record_request(answered_request(ORG, 200, 1.0))
        activity_log.record_request(answered_request(ORG, 200, 1.0))
    assert calls == {("DynamoDB", "PutItem"): 1}
    assert [(line.level, line.details["status"]) for line in read()] == [("warn", 404), ("error", 500)]
    assert read(level="error")[0].message == "GET /api/x: 500"


def test_what_is_not_written_yet_is_read_too_and_orgs_are_kept_apart(world: World) -> None:
    activity_log.record_request(answered_request(ORG, 404, 1.0))
    activity_log.record_request(answered_request("umbra", 403, 1.0))
    assert [line.details["status"] for line in read()] == [404]


def test_a_flood_is_counted_and_costs_one_write(world: World) -> None:
    for _ in range(LINES_PER_DOCUMENT + 20):
        activity_log.record_request(answered_request(ORG, 429, 1.0))
    pass_flush_interval(world)
    activity_log.record_request(answered_request(ORG, 200, 1.0))
    lines = read(limit=1000)
    assert len(lines) == LINES_PER_DOCUMENT + 1
    assert lines[0].message == "20 more refused requests"


def test_what_an_outage_kept_from_being_written_is_written_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_unavailable(*_: Any, **__: Any) -> Any:
        raise Unavailable("The database is busy")

    activity_log.record_request(answered_request(ORG, 404, 1.0))
    pass_flush_interval(world)
    with monkeypatch.context() as patched:
        patched.setattr(dynamodb, "commit", raise_unavailable)
        activity_log.record_request(answered_request(ORG, 200, 1.0))
    activity_log.record_request(answered_request(ORG, 200, 1.0))
    assert not activity_log._buffers
    assert len(read()) == 1


def test_what_tasks_and_workers_did_is_listed_latest_first(world: World) -> None:
    worker = world.register()
    task = world.submit()
    world.settle()
    world.clock.advance(2 * 3600)
    lifecycle.fail(ORG, task.id, Holder(worker.id), reported_failure("no", retryable=False))
    world.settle()
    lines = read(service="tasks")
    assert [line.details["event"] for line in lines] == ["failed", "started", "leased", "submitted"]
    assert [line.level for line in lines] == ["error", "debug", "debug", "info"]
    assert lines[0].details == {"taskId": task.id, "event": "failed", "agentId": worker.id, "attempt": 1}
    assert [line.details["event"] for line in read(service="agents")] == ["online"]
    assert len(read(limit=2)) == 2
    assert read(since=clock.now() - 1000, service="tasks") == lines[:1]
