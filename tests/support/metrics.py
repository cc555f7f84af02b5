"""The metrics that a test's code sends, as CloudWatch would get them."""

import json
from collections import defaultdict
from collections.abc import Callable

import pytest

from chalicelib import observability

Sent = dict[str, list[float]]
"""Metric -> its values, in the order in which they were sent."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], Sent]:
    """Metrics are on, and none is left over from other tests; gives those sent since it was last asked."""
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
