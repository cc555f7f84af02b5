"""Content tasks."""

from tests.contract.documented import Resource, without
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

INSTANT = "2024-12-09T15:00:00Z"
LIST, POST = "GET /api/tasks", "POST /api/tasks"
GET, PATCH = "GET /api/tasks/{task_id}", "PATCH /api/tasks/{task_id}"
INTENT, CONFIRM = "POST /api/tasks/intent", "POST /api/tasks/confirm-intent"
CONFIRMATION = {"task_id": "task_x", "confirmed": True}
SUMMARY = "GET /api/tasks/metrics/summary"
BRIEF = {
    "topic": "artificial intelligence",
    "primary_keyword": "AI trends 2025",
    "target_audience": "Tech professionals",
    "category": "Technology",
}
TASK = {"task_name": "Blog Post: AI Trends", **BRIEF, "task_metadata": {"style": "professional", "tone": "informative"}}
ROW = {
    "id": "uuid",
    "task_name": TASK["task_name"],
    "status": "pending",
    "created_at": INSTANT,
    "updated_at": INSTANT,
    "started_at": None,
    "completed_at": None,
    **BRIEF,
    "assigned_to": None,
}
OUT = ROW | {"task_metadata": TASK["task_metadata"], "result": None, "error": None}
ENDED = {"status": "completed", "completed_at": INSTANT}
TEXTS = ("", " ", "x" * 501, 7, [])


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A pending task, one for which an intent is proposed, and a completed one."""
    names = ("task", "intended task", "done task")
    tasks = {name: str(client.post("/api/tasks", TASK, token=caller).json["id"]) for name in names}
    client.post("/api/tasks/intent", {"task_id": tasks["intended task"], "intent": "create_article"}, token=caller)
    client.request("PATCH", f"/api/tasks/{tasks['done task']}", {"status": "completed"}, token=caller)
    world.settle()
    return {name: Resource("Task", task_id) for name, task_id in tasks.items()}


group = Group(
    build=build,
    on={GET: {"task_id": "task"}, PATCH: {"task_id": "task"}},
    formats={"uuid": r"task_\w+", INSTANT: r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"},
    instants=frozenset({"created_at", "updated_at", "started_at", "completed_at"}),
    verbatim=frozenset({"task_metadata", "parameters"}),
    answers={
        POST: OUT,
        GET: OUT,
        PATCH: OUT | ENDED | {"task_metadata": TASK["task_metadata"] | {"quality_score": 92, "content": "x"}},
        INTENT: {
            "task_id": "uuid",
            "intent": "create_blog_post",
            "understood_by": "rules",
            "workflow_type": "content_creation",
            "parameters": {"content_type": "blog post", "tone": "friendly"},
            "missing": [],
            "requires_confirmation": True,
        },
        CONFIRM: {
            "task_id": "uuid",
            "confirmed": True,
            "execution_id": "uuid",
            "task": OUT | {"status": "in_progress", "started_at": INSTANT},
        },
        LIST: {"tasks": [ROW], "total": 1, "offset": 0, "limit": 20},
    },
    decided={SUMMARY: {"avg_completion_time": 0}},
    stands_for={"task-uuid": "task", "intended-task-uuid": "intended task"},
    strangers={INTENT: 404, CONFIRM: 404},
    statuses={POST: 201},
    located=(POST,),
    missing=(
        (POST, "task_name", {"topic": "x"}),
        (INTENT, "intent", {"parameters": {}}),
        *((CONFIRM, name, without(CONFIRMATION, name)) for name in CONFIRMATION),
    ),
    bases={
        POST: TASK,
        PATCH: {"status": "completed"},
        INTENT: {"intent": "create_blog_post"},
        CONFIRM: CONFIRMATION,
    },
    wrong=(
        *((POST, name, TEXTS) for name in BRIEF),
        *((PATCH, name, TEXTS) for name in BRIEF),
        (POST, "task_name", ("", " ", "x" * 257, 7, None)),
        (PATCH, "task_name", ("", " ", "x" * 257, 7, None)),
        (POST, "task_metadata", ("x", [], 7, None, {"a": "x" * 90_000})),
        (PATCH, "task_metadata", ("x", [], 7, None, {"a": "x" * 90_000})),
        (PATCH, "status", ("", "PENDING", "canceled", "queued", 7)),
        (INTENT, "task_id", ("", "x" * 129, 7)),
        (INTENT, "intent", ("", "x" * 2_001, 7, None)),
        (INTENT, "parameters", ("x", [], 7, None, {"a": "x" * 16_000})),
        (CONFIRM, "confirmed", ("yes", 1, None)),
        (CONFIRM, "task_id", ("", "x" * 129, 7, None)),
    ),
    wrong_queries=(
        (LIST, "limit", ("0", "-1", "101", "ten", "1.5", "")),
        (LIST, "offset", ("-1", "1000000001", "one", "")),
        (LIST, "status", ("canceled", "PENDING", "")),
        (LIST, "sort_by", ("name", "CREATED_AT", "")),
        (LIST, "order", ("up", "ASC", "")),
    ),
)
