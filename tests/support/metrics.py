"""The metrics that the code under test sends, as CloudWatch gets them."""

import json
from collections import defaultdict
from collections.abc import Callable

import pytest

from chalicelib import observability

SentMetrics = dict[str, list[float]]
"""Metric -> its values, in the order in which they were sent."""


@pytest.fixture
def sent_metrics(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], SentMetrics]:
    """Switch metrics on, without any left over. Each call returns the metrics sent since the last call."""
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    observability.metrics().clear_metrics()
    observability.metrics.cache_clear()

    def read() -> SentMetrics:
        metrics: SentMetrics = defaultdict(list)
        for line in capsys.readouterr().out.splitlines():
            entry = json.loads(line)
            for group in entry["_aws"]["CloudWatchMetrics"]:
                for metric in group["Metrics"]:
                    metrics[metric["Name"]] += entry[metric["Name"]]
        return metrics

    return read
