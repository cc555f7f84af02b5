"""The metrics that the code under test sends, as CloudWatch gets them."""

import json
from collections import defaultdict
from collections.abc import Callable

import pytest

from chalicelib import observability

Sent = dict[str, list[float]]
"""Metric -> its values, in the order in which they were sent."""


@pytest.fixture
def sent_metrics(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], Sent]:
    """Switch metrics on, without any left over. Each call returns the metrics sent since the last call."""
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    observability.metrics().clear_metrics()
    observability.metrics.cache_clear()

    def read() -> Sent:
        found: Sent = defaultdict(list)
        for line in capsys.readouterr().out.splitlines():
            said = json.loads(line)
            for group in said["_aws"]["CloudWatchMetrics"]:
                for metric in group["Metrics"]:
                    found[metric["Name"]] += said[metric["Name"]]
        return found

    return read
