"""The orchestrator: tasks that workflows do, their approval, training data and figures."""

import base64
import json
from collections.abc import Callable
from typing import Any

from chalicelib.domain.usage import REVENUE, USD
from chalicelib.domain.workflows.definitions import PUBLISH
from chalicelib.engine.tasks import by_owner, lifecycle
from chalicelib.engine.usage import ledger
from chalicelib.engine.workflows import advance, executions
from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.contract.faces.studio.tasks import TASK
from tests.support import parts
from tests.support.client import Client
from tests.support.world import World

ROOT = "/api/orchestrator"
PROCESS, STATUS = f"POST {ROOT}/process", f"GET {ROOT}/status/{{task_id}}"
APPROVAL, APPROVE = f"GET {ROOT}/approval/{{task_id}}", f"POST {ROOT}/approve/{{task_id}}"
HISTORY, PATTERNS = f"GET {ROOT}/history", f"GET {ROOT}/learning-patterns"
EXPORT, EXPORTED = f"POST {ROOT}/training-data/export", f"GET {ROOT}/training-data/export/{{export_id}}"
UPLOADS = f"POST {ROOT}/training-data/uploads"
UPLOAD, MODEL = f"POST {ROOT}/training-data/upload-model", f"GET {ROOT}/training-data/models/{{model_id}}"
BUSINESS = f"GET {ROOT}/business-metrics-analysis"
INSTANT = "2024-12-09T15:00:00Z"
DECISION = {"approved": True, "feedback": "Looks good!", "notes": "Optional notes"}
WRITTEN = {"title": "Tea", "content": "Hot tea is good.", "quality_score": 87}
LARGE = {"name": "x", "filename": "x.gguf", "size_bytes": 5_000_000, "sha256": "0" * 64}
CHECKSUM = "X+zrZv/IbzjZUnhsbWlsecLbwjndTpG0ZynXOif7V+k="
EXPORT_OUT = {
    "export_id": "export-uuid",
    "status": "completed",
    "file_url": "https://...",
    "format": "csv",
    "record_count": 1,
}
MODEL_OUT = {
    "model_id": "model-uuid",
    "name": "tone-of-voice",
    "description": None,
    "filename": "model.gguf",
    "size_bytes": 100,
    "sha256": "0a1b",
    "uploaded_at": INSTANT,
    "file_url": "https://...",
}


def org_of(caller: str) -> str:
    """The org of a token."""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(caller.split(".")[1] + "=="))
    return str(claims["org"])


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A task to process; one that a workflow has done, and its execution."""
    org = org_of(caller)
    pending, published = (
        str(client.post("/api/tasks", TASK | {"task_name": "Tea", "topic": "Tea"}, token=caller).json["id"])
        for _ in range(2)
    )
    body = {"task_id": published, "workflow_type": "content_creation"}
    done = str(client.post(f"{ROOT}/process", body, token=caller).json["execution_id"])
    _work(world, org, done, lambda: client.post(f"{ROOT}/approve/{published}", DECISION, token=caller))
    ledger.record(org, "call", "small", 100, 100, 50_000)
    ledger.record_metric(org, "sale", REVENUE, USD, 0.25)
    export = client.post(f"{ROOT}/training-data/export", {"format": "csv"}, token=caller).json["export_id"]
    form = parts.body(parts.part("tone-of-voice", 'form-data; name="name"'), parts.file(b"weights", "model.gguf"))
    uploaded = client.request(
        "POST",
        f"{ROOT}/training-data/upload-model",
        form,
        token=caller,
        headers={"Content-Type": parts.MULTIPART},
    )
    return {
        "task to process": Resource("Task", pending),
        "published task": Resource("Task", published),
        "execution": Resource("Workflow execution", done),
        "export": Resource("Export", export),
        "model": Resource("Model", uploaded.json["model_id"]),
    }


def _work(world: World, org: str, execution_id: str, approve: Callable[[], object]) -> None:
    """Complete the steps of an execution before anybody can perform them, and have the last one approved."""
    execution = lifecycle.get(org, execution_id)
    for index, name in enumerate(execution.steps):
        advance.advance(execution)
        if name == PUBLISH.name:
            approve()
        step = lifecycle.get(org, executions.step_id(execution, index))
        by_owner.complete(org, step.id, step.pool, "ann", WRITTEN)
    world.settle()


group = Group(
    build=build,
    on={one: {"task_id": "published task"} for one in (STATUS, APPROVAL, APPROVE)}
    | {EXPORTED: {"export_id": "export"}, MODEL: {"model_id": "model"}},
    stands_for={"task-uuid": "task to process"},
    formats={
        "(task|execution)-uuid": r"task_\w+",
        "export-uuid": r"export_\w+",
        "model-uuid": r"model_\w+",
        r"https://\.\.\.": r"https?://.+",
        "0a1b": "[0-9a-f]{64}",
    },
    instants=frozenset({"completed_at", "uploaded_at"}),
    verbatim=frozenset({"result", "parameters"}),
    volatile=frozenset({"file_url", "upload_url"}),
    common=(f"GET {ROOT}/tools",),
    elsewhere=(f"GET {ROOT}/tools",),
    answers={
        APPROVAL: {
            "task_id": "task-uuid",
            "requires_approval": True,
            "approval_status": "approved",
            "feedback": "Looks good!",
        },
        APPROVE: {
            "task_id": "task-uuid",
            "execution_id": "execution-uuid",
            "approval_status": "approved",
            "feedback": "Looks good!",
            "notes": "Optional notes",
            "decided_by": "ann",
            "decided_at": INSTANT,
        },
        HISTORY: {
            "executions": [
                {
                    "id": "execution-uuid",
                    "task_id": "task-uuid",
                    "completed_at": INSTANT,
                    "result": "success",
                    "duration_ms": 5_000,
                }
            ],
            "total": 1,
            "next_cursor": None,
        },
        EXPORT: EXPORT_OUT,
        EXPORTED: EXPORT_OUT,
        UPLOAD: MODEL_OUT,
        UPLOADS: {
            "model_id": "model-uuid",
            "model": None,
            "upload_url": "https://...",
            "upload_headers": [
                {"name": "content-length", "value": "100000000"},
                {"name": "x-amz-checksum-sha256", "value": CHECKSUM},
            ],
        },
        MODEL: MODEL_OUT,
        PATTERNS: {"patterns": [], "sample_size": 1},
    },
    strangers={PROCESS: 404},  # the task is not theirs
    missing=(
        (PROCESS, "task_id", {"workflow_type": "analysis"}),
        (PROCESS, "workflow_type", {"task_id": "x"}),
        (APPROVE, "approved", {"feedback": "x"}),
        (UPLOAD, "file", {"name": "x"}),
        *((UPLOADS, name, {key: LARGE[key] for key in LARGE if key != name}) for name in LARGE),
    ),
    bases={
        PROCESS: {"task_id": "x", "workflow_type": "analysis"},
        APPROVE: {"approved": True},
        EXPORT: {},
        UPLOAD: {"name": "x", "file": "@model.gguf"},
        UPLOADS: LARGE,
    },
    wrong=(
        (PROCESS, "task_id", ("", "x" * 129, 7, None)),
        (PROCESS, "workflow_type", ("knitting", "", 7, None)),
        (PROCESS, "parameters", ("x", [], 7, None)),
        (APPROVE, "approved", ("yes", 1, None)),
        (APPROVE, "feedback", ("x" * 2_001, 7, [])),
        (APPROVE, "notes", ("x" * 2_001, 7, [])),
        (EXPORT, "format", ("xml", "", 7, None)),
        (UPLOADS, "name", ("", " ", "x" * 201, 7, None)),
        (UPLOADS, "filename", ("", "x" * 256, 7, None)),
        (UPLOADS, "description", ("x" * 2_001, 7, [])),
        (UPLOADS, "size_bytes", (0, 500_000_001, 1.5, "many", None)),
        (UPLOADS, "sha256", ("", "0" * 63, "A" * 64, 7, None)),
    ),
    wrong_queries=(
        (HISTORY, "limit", ("0", "-1", "101", "ten", "1.5", "")),
        (HISTORY, "cursor", ("x", "x" * 513)),
    ),
)
