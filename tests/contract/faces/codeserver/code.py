"""Code tasks, the pieces of their code, and the workers that write it."""

from tests.contract.documented import Resource, without
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.socket_worker import SocketWorker
from tests.support.world import World

CREATE, STATUS, STREAM = "POST /api/code", "GET /api/code/status/{taskId}", "GET /api/code/stream/{taskId}"
CANCEL, CHUNKS, LIST = "DELETE /api/code/{taskId}", "POST /api/code/{taskId}/chunks", "GET /api/tasks"
REGISTER, UNREGISTER = "POST /api/workers", "DELETE /api/workers/{worker_id}"
CODE = {"prompt": "Create a Python function that solves Fizzbuzz", "language": "python"}
RESULT = {"code": "def fizzbuzz(n): ...", "tests_passed": 5, "tests_total": 5, "execution_time_ms": 1250}
TIMES = dict.fromkeys(("created_at", "started_at", "completed_at"), "2026-01-01T12:00:00.000000")
"""Of a completed task; the document shows them when it creates one."""
WORKER = {"name": "code-worker-1", "languages": ["python"], "max_concurrent": 1, "version": "1.0.0"}
AGENT = {"name": "n8n-orchestrator", "version": "1.0.0"}
CHUNK = {"worker_id": "w", "attempt": 1, "seq": 1, "text": "x", "progress": 10}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A task that is completed, one that a worker holds, one that waits, and a worker without tasks."""
    worker, spare = (str(client.post("/api/workers", WORKER, token=caller).json["id"]) for _ in range(2))
    for name in (worker, spare):
        # The configuration of agents lists them, too.
        client.post("/api/config/agent", {"agent_id": name, "config": AGENT}, token=caller)
    socket = SocketWorker(world, f"/codeserver/worker/{worker}", caller)
    tasks: dict[str, Resource] = {}
    for name in ("completed", "held", "pending"):
        task_id = str(client.post("/api/code", CODE, token=caller).json["task_id"])
        tasks[name] = Resource("Task", task_id)
        world.settle()
        if name == "completed":
            socket.say("chunk", socket.task(task_id), seq=1, text="def", progress=10)
            socket.say("result", socket.task(task_id), result=RESULT)
            world.settle()
    return tasks | {"worker": Resource("Worker", worker), "spare": Resource("Worker", spare)}


group = Group(
    build=build,
    on={
        STATUS: {"taskId": "completed"},
        STREAM: {"taskId": "completed"},
        CANCEL: {"taskId": "pending"},
        CHUNKS: {"taskId": "held"},
        UNREGISTER: {"worker_id": "spare"},
    },
    stands_for={"worker-uuid": "worker"},
    formats={"code-task-uuid": r"task_[0-9a-z]{24}", "worker-uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"},
    instants=frozenset(TIMES),
    statuses={CREATE: 201, REGISTER: 201},
    answers={STATUS: {"task_id": "code-task-uuid", "status": "completed", **TIMES, "progress": 100, **RESULT}},
    located=(CREATE,),
    raw=(STREAM,),
    missing=(
        (CREATE, "prompt", {"language": "python"}),
        (REGISTER, "name", without(WORKER, "name")),
        *((CHUNKS, name, without(CHUNK, name)) for name in ("worker_id", "attempt", "seq", "text")),
    ),
    bases={CREATE: CODE | {"context": {}}, REGISTER: WORKER, CHUNKS: CHUNK | {"lease": 1}},
    wrong=(
        (CREATE, "prompt", ("", " \n", "x" * 20_001, 7, None)),
        (CREATE, "language", ("", "Python", "ruby", 7, None)),
        (CREATE, "context", ("x", [], 7, None)),
        (CREATE, "context.tests", (7, [7], ["x"] * 101, {})),
        (REGISTER, "name", ("", "x" * 129, 7, None)),
        (REGISTER, "languages", ("python", ["ruby"], [7], ["go"] * 33, None)),
        (REGISTER, "version", ("", "x" * 65, 7)),
        (REGISTER, "max_concurrent", (0, 101, -1, 1.5, "1", True, None)),
        (CHUNKS, "worker_id", ("", "x" * 129, 7, None)),
        (CHUNKS, "attempt", (0, -1, 1.5, "1", True, 2**53 + 1, None)),
        (CHUNKS, "lease", (0, -1, 1.5, "1", True, 2**53 + 1)),
        (CHUNKS, "seq", (0, -1, 4_001, 1.5, "1", True, None)),
        (CHUNKS, "text", ("x" * 8_001, 7, None, [])),
        (CHUNKS, "progress", (-0.1, 100.1, "50", True)),
    ),
    wrong_queries=(
        (LIST, "limit", ("0", "-1", "101", "ten", "1.5", "")),
        (LIST, "offset", ("-1", "1000000001", "one", "")),
        (LIST, "status", ("assigned", "PENDING", "")),
        (LIST, "language", ("ruby", "Python", "")),
    ),
)
