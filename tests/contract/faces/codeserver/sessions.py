"""Saved sessions."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

INSTANT = "2026-01-27T06:15:30.000000"
LIST, SAVE = "GET /api/sessions", "POST /api/sessions/save"
RESTORE, DELETE = "POST /api/sessions/restore/{id}", "DELETE /api/sessions/{id}"
BASE = {"user_id": "user-uuid", "name": "n", "state": {}}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A session of a conversation."""
    conversation = client.post("/api/conversations", {"user_id": "another"}, token=caller).json["id"]
    workspace = client.get("/api/workspace/current", token=caller).json["id"]
    state = {"conversation_id": conversation, "workspace_id": workspace, "model_id": "claude-opus"}
    made = client.post("/api/sessions/save", BASE | {"state": state}, token=caller).json["id"]
    return {"session": Resource("Session", str(made))}


group = Group(
    build=build,
    on={one: {"id": "session"} for one in (RESTORE, DELETE)},
    stands_for={"conv-uuid": "conversation"},
    formats={"session-uuid": r"session_\w+"},
    instants=frozenset({"last_activity"}),
    answers={DELETE: {"id": "session-uuid", "status": "deleted", "deleted_at": INSTANT}},
    decided={
        LIST: {
            "sessions": [
                {
                    "id": "session-uuid",
                    "user_id": "user-uuid",
                    "name": "n",
                    "status": "active",
                    "created_at": INSTANT,
                    "last_activity": INSTANT,
                }
            ]
        }
    },
    statuses={SAVE: 201},
    strangers={SAVE: 400},  # the conversation that it names is not theirs
    located=(SAVE,),
    missing=tuple((SAVE, name, {key: BASE[key] for key in BASE if key != name}) for name in BASE),
    bases={SAVE: BASE, RESTORE: {}},
    wrong=(
        (SAVE, "user_id", ("", "x" * 129, 7, None)),
        (SAVE, "name", ("", "x" * 257, 7, None)),
        (SAVE, "state", ("x", [], 7, None)),
        (SAVE, "state.conversation_id", ("", "x" * 129, 7, "nowhere")),
        (SAVE, "state.workspace_id", ("", "x" * 201, 7, "nowhere")),
        (SAVE, "state.model_id", ("", "x" * 201, 7, "nowhere")),
        (RESTORE, "restore_state", ("true", 1, None)),
    ),
    wrong_queries=(
        (LIST, "limit", ("0", "-1", "101", "ten", "")),
        (LIST, "status", ("restored", "ACTIVE", "")),
        (LIST, "user_id", ("", "x" * 129)),
    ),
)
