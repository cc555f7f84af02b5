import json
from datetime import UTC, datetime

import pytest

from chalicelib import clock
from infra.local.lambdas.events import Context, failed_names, stream_record, tick
from tests.local.conftest import NOON

NAMES = ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"b"}),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{}]}, {"a", "b"}),
    ],
)
def test_what_a_handler_reports_as_failed(answer: object, expected: set[str]) -> None:
    assert failed_names(answer, NAMES) == expected


def test_a_stream_record_is_json() -> None:
    raw = {
        "eventID": "1",
        "dynamodb": {"ApproximateCreationDateTime": datetime(2027, 1, 1, tzinfo=UTC), "Keys": {"id": {"B": b"\xff"}}},
    }
    record = stream_record(raw, "arn", "eu-central-1")
    assert json.loads(json.dumps(record)) == record
    assert record["dynamodb"] == {"ApproximateCreationDateTime": 1798761600, "Keys": {"id": {"B": "/w=="}}}
    assert (record["eventSourceARN"], record["awsRegion"]) == ("arn", "eu-central-1")


def test_a_tick_says_when_it_was_due() -> None:
    event = tick("wake", NOON, "us-east-1")
    assert event["time"] == "2027-01-15T12:00:00Z"
    assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/wake"]


def test_the_context_counts_the_time_down(manual_clock: clock.ManualClock) -> None:
    context = Context("wake", 60)
    manual_clock.advance(59)
    assert context.get_remaining_time_in_millis() == 1000
    manual_clock.advance(2)
    assert context.get_remaining_time_in_millis() == 0
