"""Content tasks of the studio API in a day."""

from chalicelib.apis import studio
from chalicelib.engine import bulk_operations
from chalicelib.engine.bulk_operations import Request
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.world import ORG, World

ALL, ONE = "/api/tasks", "/api/tasks/{task_id}"


def run(watch: Watch, world: World) -> None:
    """Tasks are created, moved, listed and counted."""
    client = Client(watch, studio.api)
    created = client("POST", ALL, {"task_name": "x"})["id"]
    client("PATCH", ONE, {"status": "completed", "task_metadata": {"content": "x"}}, task_id=created)
    client("GET", ONE, task_id=created)
    world.settle()
    for sort in ("created_at", "status"):
        client("GET", ALL, query={"sort_by": sort})
    client("GET", f"{ALL}/metrics/summary")
    intended = client("POST", f"{ALL}/intent", {"intent": "write an article about gardens"})["task_id"]
    client("POST", f"{ALL}/confirm-intent", {"task_id": intended, "confirmed": True})
    for operation in ("export", "reassign", "delete"):
        body = {"operation": operation, "task_ids": [created], "parameters": {"assigned_to": "ann"}}
        bulk = client("POST", "/api/bulk", body)["operation_id"]
        client("GET", "/api/bulk/{operation_id}", operation_id=bulk)
    world.settle()
    # A request that dies leaves its operation to the job.
    kept = bulk_operations.begin(ORG, Request("export", [intended]), "ops")
    world.advance(90)
    assert bulk_operations.get(ORG, kept).affected == 1
