"""Conversations and their messages."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

CONVERSATION = {"user_id": "user-uuid", "title": "Python API Development", "context": {"framework": "FastAPI"}}
MESSAGE = {"role": "user", "content": "Create a REST API endpoint"}
INSTANT = "2026-01-27T06:15:30.000000"
LIST, POST = "GET /api/conversations", "POST /api/conversations"
GET, PUT, DELETE = (f"{method} /api/conversations/{{id}}" for method in ("GET", "PUT", "DELETE"))
MESSAGES, ADD = (f"{method} /api/conversations/{{id}}/messages" for method in ("GET", "POST"))


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A conversation with a message."""
    made = str(client.post("/api/conversations", CONVERSATION, token=caller).json["id"])
    client.post(f"/api/conversations/{made}/messages", MESSAGE, token=caller)
    return {"conversation": Resource("Conversation", made)}


group = Group(
    build=build,
    on={one: {"id": "conversation"} for one in (GET, PUT, DELETE, MESSAGES, ADD)},
    formats={"conv-uuid": r"conv_\w+", "msg-uuid": r"msg_\w+"},
    instants=frozenset({"created_at", "updated_at", "last_message_at"}),
    verbatim=frozenset({"context"}),
    answers={
        PUT: {
            "id": "conv-uuid",
            "user_id": "user-uuid",
            "title": "Python API Development",
            "status": "archived",
            "context": {"framework": "FastAPI"},
            "created_at": INSTANT,
            "updated_at": INSTANT,
        }
    },
    decided={GET: {"context": {"framework": "FastAPI"}}},
    statuses={POST: 201, ADD: 201},
    located=(POST, ADD),
    missing=(
        (POST, "user_id", {"title": "t"}),
        (ADD, "role", {"content": "x"}),
        (ADD, "content", {"role": "user"}),
    ),
    bases={POST: CONVERSATION, PUT: {}, ADD: MESSAGE},
    wrong=(
        (POST, "user_id", ("", "x" * 129, 7, None)),
        (POST, "title", ("", "x" * 257, 7, None)),
        (POST, "context", ("x", [], 7, None, {"a": "x" * 16_000})),
        (PUT, "title", ("", "x" * 257, 7)),
        (PUT, "status", ("deleted", "Active", "", 7)),
        (PUT, "context", ("x", [], 7, {"a": "x" * 16_000})),
        (ADD, "role", ("tool", "User", "", 7, None)),
        (ADD, "content", ("", "x" * 65_537, 7, None, {})),
    ),
    wrong_queries=(
        (LIST, "limit", ("0", "-1", "101", "ten", "1.5", "")),
        (LIST, "offset", ("-1", "1000000001", "one", "")),
        (LIST, "status", ("deleted", "ACTIVE", "")),
        (LIST, "user_id", ("", "x" * 129)),
        (MESSAGES, "limit", ("0", "-1", "101", "ten", "1.5", "")),
        (MESSAGES, "offset", ("-1", "1000000001", "one", "")),
        (MESSAGES, "role", ("tool", "USER", "")),
    ),
)
