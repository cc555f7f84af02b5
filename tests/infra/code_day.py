"""A day of code tasks: a connected worker writes them; they are watched, listed and cancelled."""

from chalicelib.apis import codeserver
from tests.infra.calls import Watch
from tests.infra.clients import Client, ClientConnection, wait
from tests.support.world import World

TASK, STATUS = "/api/code/{taskId}", "/api/code/status/{taskId}"
STREAM, CHUNKS = "/api/code/stream/{taskId}", "/api/code/{taskId}/chunks"
WORKER = "/api/workers/{worker_id}"
LARGE = "x" * 110_000
USAGE = {"model": "clever", "tokens_in": 9, "tokens_out": 9}


def run(watch: Watch, world: World) -> None:
    """Completed and cancelled tasks, with every request that reads them."""
    client = Client(watch, codeserver.api)
    worker = client("POST", "/api/workers", {"name": "w", "languages": ["python"]})["id"]
    waiting = _create(client)
    client("GET", STATUS, taskId=waiting)
    line = ClientConnection(watch, world, f"/codeserver/worker/{worker}")
    world.settle()
    for seq, progress in ((1, 50), (2, 40)):
        line.say("chunk", task_id=waiting, attempt=1, seq=seq, text="x", progress=progress)
        chunk = {"worker_id": worker, "attempt": 1, "seq": seq + 2, "text": "x", "progress": 60 - seq}
        client("POST", CHUNKS, chunk, taskId=waiting)
    client("GET", STATUS, taskId=waiting)
    client("GET", STREAM, taskId=waiting)
    line.say("result", task_id=waiting, attempt=1, result={"code": LARGE, "usage": USAGE})
    world.settle()
    assert client("GET", STATUS, taskId=waiting)["code"] == LARGE
    assert b"code_complete" in client("GET", STREAM, taskId=waiting)
    others = [_create(client) for _ in range(9)]
    world.settle()
    client("DELETE", TASK, taskId=others[0])
    world.settle()
    for query in ({}, {"language": "python", "limit": 1}, {"language": "python", "status": "completed", "offset": 1}):
        client("GET", "/api/tasks", query=query)
    line.leave()
    client("DELETE", WORKER, worker_id=worker)
    wait(world, 180, awake=True)


def _create(client: Client) -> str:
    return str(client("POST", "/api/code", {"prompt": "p", "language": "python"})["task_id"])
