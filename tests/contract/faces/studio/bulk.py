"""Bulk operations."""

from tests.contract.documented import Resource, without
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

POST, GET = "POST /api/bulk", "GET /api/bulk/{operation_id}"
BULK = {"operation": "export", "task_ids": ["uuid1"], "parameters": {"export_format": "csv"}}
OUT = {
    "operation_id": "bulk-id",
    "status": "completed",
    "affected": 0,
    "result": {"tasks": [{"task_id": "x", "outcome": "not_found", "detail": None}], "download_url": None},
}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """An operation that is done."""
    return {"operation": Resource("Bulk", str(client.post("/api/bulk", BULK, token=caller).json["operation_id"]))}


group = Group(
    build=build,
    on={GET: {"operation_id": "operation"}},
    formats={"bulk-id": r"bulk_\w+"},
    answers={POST: OUT, GET: OUT},
    missing=((POST, "operation", without(BULK, "operation")), (POST, "task_ids", without(BULK, "task_ids"))),
    bases={POST: BULK},
    wrong=(
        (POST, "operation", ("", "archive", 7, None)),
        (POST, "task_ids", ([], "x", [""], ["x" * 129], [7], ["x"] * 501, None)),
        (POST, "parameters", ("x", [], 7, None)),
        (POST, "parameters.new_status", ("", "canceled", 7)),
        (POST, "parameters.export_format", ("", "xml", 7, None)),
        (POST, "parameters.assigned_to", ("", "x" * 501, 7)),
    ),
)
