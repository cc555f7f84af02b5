"""Executions of workflows. The orchestrator's group builds them."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

DETAILS, ALL = "GET /api/workflow/{workflow_id}/details", "GET /api/workflow/history"
HISTORY, STATISTICS = "GET /api/workflow/{workflow_id}/history", "GET /api/workflow/statistics"
PERFORMANCE = "GET /api/workflow/performance-metrics"
INSTANT = "2024-12-09T15:00:00Z"
FIGURES = {"total_executions": 1_000, "success_rate": 0.92, "avg_duration_ms": 3_600}
EXECUTION = {
    "id": "execution-uuid",
    "workflow_name": "content_creation",
    "status": "success",
    "started_at": INSTANT,
    "completed_at": INSTANT,
}
PAGE = {"executions": [EXECUTION], "total": 1, "next_cursor": None}
STEP = {
    "step_name": "research",
    "status": "completed",
    "duration_ms": None,
    "output": {"title": "Tea", "content": "Hot tea is good.", "quality_score": 87},
    "error": None,
}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A workflow has its name as id."""
    return {"workflow": Resource("Workflow", "content_creation")}


group = Group(
    build=build,
    on={DETAILS: {"workflow_id": "execution"}, HISTORY: {"workflow_id": "workflow"}},
    instants=frozenset({"started_at", "completed_at"}),
    verbatim=frozenset({"output"}),
    chosen=(HISTORY,),
    decided={PERFORMANCE: {"avg_latency_ms": None, "peak_latency_ms": None, "bottleneck": None}},
    answers={
        ALL: PAGE,
        DETAILS: {
            "id": "execution-uuid",
            "workflow_name": "content_creation",
            "status": "success",
            "steps": [STEP],
        },
        STATISTICS: FIGURES | {"workflows": [{"workflow_name": "content_creation"} | FIGURES]},
        HISTORY: {"workflow_id": "content_creation"} | PAGE,
    },
    wrong_queries=tuple(
        (endpoint, name, values)
        for endpoint in (ALL, HISTORY)
        for name, values in (("limit", ("0", "101", "ten", "")), ("cursor", ("x", "x" * 513)))
    ),
)
