"""The counts of an API's requests are buffered and written every ten seconds; nothing else writes their items."""

from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.statistics import counters
from chalicelib.domain.statistics.histograms import bucket_of
from chalicelib.engine.statistics import recent, request_counts, rollup
from chalicelib.engine.statistics.request_counts import FLUSH_INTERVAL_MS
from chalicelib.errors import Unavailable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.statistics import counters as counter_storage
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.client import answered_request
from tests.support.world import ORG, POOL, START, World

DAY = START // clock.DAY
ROW = (f"{ORG}#{POOL}#{DAY}", "api#12")
_count = request_counts.request_counter(POOL)


def count_request(org: str, status: int, milliseconds: float) -> None:
    _count(answered_request(org, status, milliseconds))


def pass_flush_interval(world: World) -> None:
    world.clock.advance(FLUSH_INTERVAL_MS / 1000)


def stored_counts(world: World) -> dict[str, int]:
    return world.rows()[ROW].values


def test_requests_are_written_every_ten_seconds_by_the_one_that_finds_it_due(world: World) -> None:
    with aws.counting() as calls:
        for status in (200, 400, 413, 503):
            count_request(ORG, status, 20.4)
    assert not calls
    pass_flush_interval(world)
    with aws.counting() as calls:
        count_request(ORG, 200, 1_000.0)
        count_request(ORG, 200, 5.0)
    assert calls == {("DynamoDB", "UpdateItem"): 1}
    assert stored_counts(world) == {
        "requests": 5,
        "refused": 2,
        "invalid": 2,
        "errors": 1,
        "time_ms": 1_080,
        "done_0": 5,
        f"h{bucket_of(20.4)}": 4,
        f"h{bucket_of(1_000.0)}": 1,
    }
    seen = recent.read_recent(ORG, POOL).api_requests
    assert (seen["requests"], seen["time_ms"]) == (6, 1_085)


def test_each_request_counts_in_its_own_hour_though_they_are_written_together(world: World) -> None:
    world.clock.advance(3_599)
    count_request(ORG, 200, 1.0)
    world.clock.advance(60)
    count_request(ORG, 200, 1.0)
    rows = {row: counts.values for row, counts in world.rows().items()}
    assert rows[ROW] | {"done_11": 1, "requests": 1} == rows[ROW]
    assert rows[(ROW[0], "api#13")] | {"done_0": 1, "requests": 1} == rows[(ROW[0], "api#13")]
    seen = recent.read_recent(ORG, POOL)
    assert [hour["requests"] for hour in seen.requests] == [1, 1]
    assert seen.requests_per_second == pytest.approx(2 / (300 + 59))


def test_orgs_and_apis_are_kept_apart(world: World) -> None:
    count_request(ORG, 200, 1.0)
    count_request("umbra", 200, 1.0)
    request_counts.request_counter("other")(answered_request(ORG, 200, 1.0))
    assert recent.read_recent(ORG, POOL).api_requests["requests"] == 1
    assert recent.read_recent("umbra", POOL).api_requests["requests"] == 1
    pass_flush_interval(world)
    count_request("umbra", 200, 1.0)
    assert list(world.rows()) == [(f"umbra#{POOL}#{DAY}", "api#12")]


def test_what_an_outage_kept_from_being_written_is_written_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_unavailable(*_: Any, **__: Any) -> Any:
        raise Unavailable("The database is busy")

    count_request(ORG, 200, 1.0)
    pass_flush_interval(world)
    with monkeypatch.context() as patched:
        patched.setattr(dynamodb, "commit", raise_unavailable)
        count_request(ORG, 200, 1.0)
    count_request(ORG, 200, 1.0)
    assert world.rows() == {}
    pass_flush_interval(world)
    count_request(ORG, 200, 1.0)
    assert stored_counts(world)["requests"] == 4


def test_threads_lose_none(world: World) -> None:
    count_request(ORG, 200, 1.0)
    pass_flush_interval(world)
    run_together([lambda: [count_request(ORG, 200, 1.0) for _ in range(20)]] * 4)
    pass_flush_interval(world)
    count_request(ORG, 200, 1.0)
    assert stored_counts(world)["requests"] == 82


def test_a_rollup_leaves_them_alone_and_recounts_the_labels_of_the_day(world: World) -> None:
    count_request(ORG, 200, 1.0)
    pass_flush_interval(world)
    count_request(ORG, 200, 1.0)
    world.submit(label="chat")
    world.settle()
    before = {row: counts.values for row, counts in world.rows().items()}
    label = (ROW[0], "label#chat")
    assert before[label] == {"created": 1}
    dynamodb.commit(counter_storage.addition_write(label, counters.Counts({"created": 5, "wholes": 2})))
    world.clock.advance(12 * 3_600)
    assert (rollup.roll_up_hour(START + clock.HOUR), rollup.roll_up_days()) == (1, 1)
    after = {row: counts.values for row, counts in world.rows().items()}
    assert {row: after[row] for row in (ROW, label)} == {row: before[row] for row in (ROW, label)}
