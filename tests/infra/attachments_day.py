"""What hangs on tasks in a day."""

from tests.infra.clients import Client, wait
from tests.support import parts
from tests.support.world import World

TASK = "/api/v1/tasks/{task_id}"


def attach(client: Client, house: World) -> None:
    """Comments and files, which go with their task: by a wakeup, and where that is late by the sweep."""
    for awake in (True, False):
        task = client("POST", "/api/v1/tasks", {"title": "t"})["data"]["id"]
        for _ in range(2):
            comment = client("POST", f"{TASK}/comments", {"content": "c"}, task_id=task)["data"]["id"]
            file = client("POST", f"{TASK}/files", parts.body(parts.file("x")), task_id=task)["data"]["id"]
        client("GET", f"{TASK}/comments", task_id=task)
        client("DELETE", f"{TASK}/comments/{{comment_id}}", task_id=task, comment_id=comment)
        client("DELETE", f"{TASK}/files/{{file_id}}", task_id=task, file_id=file)
        client("DELETE", TASK, task_id=task)
        while house.relay("documents"):
            pass
        wait(house, 180, awake)
        house.settle()
