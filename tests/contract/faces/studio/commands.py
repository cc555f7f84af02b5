"""The command queue."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

COMMAND = {"command": "execute_task", "parameters": {"topic": "AI"}, "priority": "high"}
INSTANT = "2024-12-09T15:00:00Z"
LIST, POST = "GET /api/commands", "POST /api/commands"
GET = "GET /api/commands/{command_id}"
START, COMPLETE, FAIL, CANCEL = (
    f"POST /api/commands/{{command_id}}/{move}" for move in ("start", "complete", "fail", "cancel")
)
CLEAR, STATS = "POST /api/commands/cleanup/clear-old", "GET /api/commands/stats/queue-stats"
QUEUED = {
    "command_id": "uuid",
    "status": "queued",
    "command": "execute_task",
    "parameters": {"topic": "AI"},
    "priority": "high",
    "result": None,
    "error": None,
    "attempts": 0,
    "created_at": INSTANT,
    "started_at": None,
    "completed_at": None,
}
PROCESSING = QUEUED | {"status": "processing", "started_at": INSTANT}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A queued command, one in work, and one that was completed."""

    def command(*moves: str) -> Resource:
        made = str(client.post("/api/commands", COMMAND, token=caller).json["command_id"])
        for move in moves:
            client.post(f"/api/commands/{made}/{move}", {"result": 1} if move == "complete" else None, token=caller)
        return Resource("Command", made)

    resources = {"queued command": command(), "command": command("start"), "done command": command("start", "complete")}
    world.settle()
    return resources


group = Group(
    build=build,
    on={one: {"command_id": "command"} for one in (GET, COMPLETE, FAIL, CANCEL)}
    | {START: {"command_id": "queued command"}},
    formats={"uuid": r"task_\w+", INSTANT: r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"},
    instants=frozenset({"created_at", "started_at", "completed_at"}),
    verbatim=frozenset({"parameters", "result"}),
    answers={
        GET: PROCESSING,
        LIST: {"commands": [PROCESSING], "total": 1, "next_cursor": None},
        START: PROCESSING,
        COMPLETE: PROCESSING | {"status": "completed", "result": {"done": True}, "completed_at": INSTANT},
        FAIL: QUEUED | {"attempts": 1},
    },
    statuses={POST: 201, CANCEL: 204},
    located=(POST,),
    missing=((POST, "command", {"priority": "high"}), (FAIL, "error", {"retry": True}), (CLEAR, "older_than_days", {})),
    bases={POST: COMMAND, FAIL: {"error": "x"}, CLEAR: {"older_than_days": 7}, COMPLETE: {"result": 1}},
    wrong=(
        (POST, "command", ("", "two words", "x" * 65, 7, None)),
        (POST, "parameters", ("x", [], 7, None)),
        (POST, "priority", ("urgent", "", 7, None)),
        (FAIL, "error", ("", "x" * 2_001, 7, None)),
        (FAIL, "retry", ("yes", 1, None)),
        (CLEAR, "older_than_days", (-1, 3_651, "7", 1.5, None)),
    ),
    wrong_queries=(
        (LIST, "limit", ("0", "-1", "101", "ten", "1.5", "")),
        (LIST, "status", ("done", "QUEUED", "")),
        (LIST, "cursor", ("x", "x" * 513)),
    ),
)
