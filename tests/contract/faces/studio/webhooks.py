"""Events of other systems."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

POST, LIST = "POST /api/webhooks", "GET /api/webhooks"
EVENT = {"event": "deployment.success", "timestamp": "2024-12-09T15:00:00Z", "data": {"version": "1"}}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """An event that was taken."""
    client.post("/api/webhooks", EVENT, token=caller)
    return {}


group = Group(
    build=build,
    formats={"event-uuid": r"event_\w+"},
    instants=frozenset({"received_at"}),
    verbatim=frozenset({"data"}),
    answers={
        POST: {"acknowledged": True, "outcome": "task_unknown"},
        LIST: {
            "events": [
                {
                    "id": "event-uuid",
                    "event": EVENT["event"],
                    "occurred_at": EVENT["timestamp"],
                    "data": EVENT["data"],
                    "outcome": "noted",
                    "received_at": "2024-12-09T15:00:00Z",
                }
            ],
            "next_cursor": None,
        },
    },
    missing=((POST, "event", {"timestamp": "2024-12-09"}), (POST, "timestamp", {"event": "x"})),
    bases={POST: EVENT},
    wrong=(
        (POST, "event", ("", "Two Words", "x" * 65, 7, None)),
        (POST, "timestamp", ("", "soon", "1969-01-01", 7, None)),
        (POST, "data", ("x", [], 7, None, {"a": "x" * 16_000})),
    ),
    wrong_queries=(
        (LIST, "limit", ("0", "-1", "101", "ten", "")),
        (LIST, "cursor", ("x", "x" * 513)),
    ),
)
