"""Metrics: measured, or null."""

from tests.contract.documented import Resource, without
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

USAGE, COSTS, ALL, SUMMARY = (f"GET /api/metrics{path}" for path in ("/usage", "/costs", "", "/summary"))
TRACK = "POST /api/metrics/track-usage"
TRACKED = {"metric_name": "content_generation", "value": 100, "unit": "tokens", "tags": {"topic": "AI"}}
# No request of the caller is counted yet.
USED = {
    "period": "day",
    "api_calls": 5_000,
    "tokens_used": 1_000_000,
    "active_users": 50,
    "error_rate": None,
    "tracked": [{"metric_name": "revenue", "unit": "usd", "total": 0.25}],
}
TOO_MANY = dict.fromkeys("abcdefghijk", "x")
COST = {
    "total_cost": 150.5,
    "breakdown": {"api_calls": 50.0, "storage": None, "compute": None},
    "cost_per_task": 1.69,
}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """Nothing: what the other groups build is measured."""
    return {}


group = Group(
    build=build,
    answers={
        USAGE: USED,
        COSTS: COST,
        ALL: {
            "usage": USED,
            "costs": COST,
            "performance": {"avg_response_time_ms": None, "p99_response_time_ms": None},
        },
        SUMMARY: {
            "summary": {
                "total_tasks": 89,
                "completion_rate": 0.54,
                "avg_quality_score": 87.5,
                "total_cost": 150.5,
            }
        },
        TRACK: TRACKED | {"value": 100.0, "counted": True, "tracked_at": "2024-12-09T15:00:00Z"},
    },
    # Each request is counted, the one that reads the count, too.
    volatile=frozenset({"api_calls", "error_rate", "avg_response_time_ms", "p99_response_time_ms"}),
    instants=frozenset(),
    verbatim=frozenset({"tags"}),
    missing=tuple((TRACK, name, without(TRACKED, name)) for name in ("metric_name", "value", "unit")),
    bases={TRACK: TRACKED},
    wrong=(
        (TRACK, "metric_name", ("", "two words", "x" * 65, 7, None)),
        (TRACK, "value", (-1, 1e13, "100", True, None)),
        (TRACK, "unit", ("", "euros", 7, None)),
        (TRACK, "tags", ("x", [], {"two words": "x"}, {"topic": 7}, {"topic": "x" * 257}, TOO_MANY, None)),
    ),
    wrong_queries=((USAGE, "period", ("hour", "year", "DAY", "")),),
)
