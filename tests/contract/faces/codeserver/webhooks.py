"""The webhooks."""

from typing import Any

from tests.contract.documented import Resource, without
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

N8N, AGENT_ZERO, COCKPIT, DELQHI, TELEGRAM, OPENCODE = (
    f"POST /webhook/{name}" for name in ("n8n", "agent-zero", "cockpit-chat", "delqhi-chat", "telegram", "opencode-cli")
)
BASES: dict[str, dict[str, Any]] = {
    N8N: {"event": "code_task_created", "task_id": "t", "prompt": "Generate code"},
    AGENT_ZERO: {"event": "code_execution_complete", "task_id": "t", "execution_result": {"exit_code": 0}},
    COCKPIT: {"event": "user_request", "user_id": "u", "message": "Generate REST API"},
    DELQHI: {"event": "chat_message", "user_id": "u", "message": "Help me debug this code"},
    TELEGRAM: {"event": "telegram_message", "chat_id": "1", "message": "hello"},
    OPENCODE: {"event": "opencode_command", "command": "generate", "args": ["x"], "session_id": "s"},
}
NOTHING = {"status": "accepted", "event": "x", "task_id": None, "conversation_id": None, "message_id": None}
TASK = {"task_id": "code-task-uuid"}
MESSAGE = {"conversation_id": "conv-uuid", "message_id": "msg-uuid"}
LONG = "x" * 129


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """The tasks and conversations that the webhooks name exist already."""
    return {}


group = Group(
    build=build,
    stands_for={"code-task-uuid": "waiting code task"},
    answers={
        N8N: NOTHING | TASK,
        AGENT_ZERO: NOTHING | TASK,
        COCKPIT: NOTHING | MESSAGE,
        DELQHI: NOTHING | MESSAGE,
        TELEGRAM: NOTHING | TASK | MESSAGE,
        OPENCODE: NOTHING | TASK | MESSAGE,
    },
    statuses=dict.fromkeys(BASES, 202),
    strangers={AGENT_ZERO: 404},
    bases=BASES,
    missing=tuple((where, name, without(body, name)) for where, body in BASES.items() for name in body),
    wrong=(
        *((where, "event", ("", "something_else", 7, None)) for where in BASES),
        (N8N, "task_id", ("", LONG, 7, None)),
        (N8N, "prompt", ("", " \n", "x" * 20_001, 7, None)),
        (N8N, "language", ("cobol", "", 7, None)),
        (N8N, "context", ("x", [], 7, None)),
        (N8N, "source", ("x" * 257, 7, None)),
        (AGENT_ZERO, "task_id", ("", LONG, 7, None)),
        (AGENT_ZERO, "execution_result", ("x", [], 7, None)),
        (AGENT_ZERO, "execution_result.exit_code", ("0", 1.5, True, 2**32, -(2**31) - 1, None)),
        (AGENT_ZERO, "execution_result.output", ("x" * 1_000_001, 7, None, {})),
        (COCKPIT, "user_id", ("", LONG, 7, None)),
        (COCKPIT, "message", ("", "x" * 65_537, 7, None)),
        (COCKPIT, "conversation_id", ("", LONG, 7)),
        (COCKPIT, "event_id", ("", LONG, 7)),
        (DELQHI, "user_id", ("", LONG, 7, None)),
        (DELQHI, "message", ("", "x" * 65_537, 7, None)),
        (DELQHI, "context", ("x", [], 7, None, {"a": "x" * 16_000})),
        (TELEGRAM, "chat_id", ("", "x" * 65, 1.5, True, None)),
        (TELEGRAM, "message", ("", "/code", "/code " + "x" * 20_001, 7, None)),
        (OPENCODE, "command", ("", LONG, 7, None)),
        (OPENCODE, "args", ("x", [7], [], [" "], ["x"] * 101, None)),
        (OPENCODE, "session_id", ("", LONG, 7, None)),
        (OPENCODE, "language", ("cobol", 7, None)),
    ),
)
