"""Chat."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.contract.faces.studio.models import KEY, MODEL
from tests.support.client import Client
from tests.support.model_servers import AnthropicServer
from tests.support.world import World

POST, LIST = "POST /api/chat", "GET /api/chat/models"
HISTORY, CLEAR = (f"{method} /api/chat/history/{{conversation_id}}" for method in ("GET", "DELETE"))
CHAT = {"conversation_id": None, "message": "What is AI?", "model": MODEL}
MESSAGE = {"id": "msg_1", "role": "user", "content": "What is AI?", "timestamp": "2024-12-09T15:00:00Z"}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A conversation with one message and its answer."""
    world.model_servers["api.anthropic.com"] = AnthropicServer(key=KEY)
    begun = client.post("/api/chat", CHAT, token=caller).json
    return {"conversation": Resource("Conversation", begun["conversation_id"])}


group = Group(
    build=build,
    on={one: {"conversation_id": "conversation"} for one in (HISTORY, CLEAR)},
    stands_for={"uuid or null for new": "conversation"},
    formats={"conv_1": r"conv_\w+", "msg_1": r"msg_\w+"},
    instants=frozenset({"timestamp"}),
    verbatim=frozenset({"content", "response"}),
    answers={
        POST: {
            "conversation_id": "conv_1",
            "message_id": "msg_1",
            "response": "AI is artificial intelligence...",
            "model": MODEL,
            "tokens_used": 250,
        },
        # The document's list has no total; a long conversation is read by pages.
        HISTORY: {"conversation_id": "conv_1", "messages": [MESSAGE], "total": 2},
        LIST: {"models": [{"id": MODEL, "name": "Claude 3 Sonnet", "provider": "anthropic", "capabilities": ["chat"]}]},
    },
    statuses={CLEAR: 204},
    # The document's example names a conversation.
    strangers={POST: 404},
    common=(LIST,),
    elsewhere=(LIST,),
    missing=((POST, "message", {"conversation_id": None}),),
    bases={POST: CHAT},
    wrong=(
        (POST, "message", ("", "x" * 65_537, 7, None)),
        (POST, "model", ("", "gpt-9", "x" * 201, 7)),
        (POST, "conversation_id", ("", "x" * 129, 7)),
    ),
    wrong_queries=(
        (HISTORY, "limit", ("0", "-1", "101", "ten", "1.5", "")),
        (HISTORY, "offset", ("-1", "ten", "1.5", "", "1000000001")),
    ),
)
