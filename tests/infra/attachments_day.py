"""A day of attachments."""

from tests.infra.clients import Client, wait
from tests.support import parts
from tests.support.world import World

TASK = "/api/v1/tasks/{taskId}"


def attach(client: Client, world: World) -> None:
    """Add comments and files, which are deleted with their task: after a wakeup, or by the sweep if the wakeup is
    late."""
    for awake in (True, False):
        task = client("POST", "/api/v1/tasks", {"title": "t"})["data"]["id"]
        for _ in range(2):
            comment = client("POST", f"{TASK}/comments", {"content": "c"}, taskId=task)["data"]["id"]
            file = client("POST", f"{TASK}/files", parts.body(parts.file("x")), taskId=task)["data"]["id"]
        client("GET", f"{TASK}/comments", taskId=task)
        client("DELETE", f"{TASK}/comments/{{commentId}}", taskId=task, commentId=comment)
        client("DELETE", f"{TASK}/files/{{fileId}}", taskId=task, fileId=file)
        client("DELETE", TASK, taskId=task)
        while world.relay("documents"):
            pass
        wait(world, 180, awake)
        world.settle()
