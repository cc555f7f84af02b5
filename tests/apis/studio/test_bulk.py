"""Bulk operations over HTTP: what an operation needs."""

import pytest

from tests.apis.studio.conftest import StudioApi

BULK = "/api/bulk"


@pytest.mark.parametrize(("operation", "name"), [("update_status", "new_status"), ("reassign", "assigned_to")])
def test_an_operation_without_what_it_needs_is_refused(studio_api: StudioApi, operation: str, name: str) -> None:
    task = studio_api.call("POST", "/api/tasks", {"task_name": "x", "assigned_to": "ann"})["id"]
    for parameters in ({}, {"parameters": {}}, {"parameters": {"export_format": "csv"}}):
        answer = studio_api.request("POST", BULK, {"operation": operation, "task_ids": [task], **parameters})
        assert (answer.status, answer.json["fields"]) == (400, {f"parameters.{name}": f"is needed by {operation}"})
    assert studio_api.call("GET", f"/api/tasks/{task}")["assigned_to"] == "ann"


def test_null_reassigns_to_nobody(studio_api: StudioApi) -> None:
    task = studio_api.call("POST", "/api/tasks", {"task_name": "x", "assigned_to": "ann"})["id"]
    body = {"operation": "reassign", "task_ids": [task], "parameters": {"assigned_to": None}}
    assert studio_api.call("POST", BULK, body)["affected"] == 1
    assert studio_api.call("GET", f"/api/tasks/{task}")["assigned_to"] is None
