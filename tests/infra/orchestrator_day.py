"""The orchestrator of the studio API in a day."""

from urllib.parse import unquote, urlsplit

from chalicelib.apis import studio
from chalicelib.engine import content_tasks
from chalicelib.engine.tasks import by_owner, lifecycle
from chalicelib.engine.training import trained_models
from chalicelib.engine.workflows import advance, executions
from chalicelib.storage.aws import s3
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support import parts
from tests.support.world import ORG, World

ROOT, WORKFLOW = "/api/orchestrator", "/api/workflow"
WRITTEN = {"title": "Tea", "content": "Hot", "notes": "x" * 150_000}
TRAINING = f"{ROOT}/training-data"


def run(watch: Watch, world: World) -> None:
    """A task is published, another rejected; both are exported, and figures read."""
    client = Client(watch, studio.api)
    for approved in (True, False):
        _orchestrate(client, world, approved=approved)
    for _ in range(8):
        body = {"task_id": _submit(), "workflow_type": "analysis", "parameters": {"content": "Hot tea."}}
        client("POST", f"{ROOT}/process", body)
    # The messages are lost: the sweep begins these workflows.
    while world.relay("tasks"):
        pass
    world.queues.queues.clear()
    world.advance(120)
    client("GET", f"{ROOT}/history", query={"limit": 1})
    for path in ("history", "learning-patterns", "business-metrics-analysis", "tools"):
        client("GET", f"{ROOT}/{path}")
    for path in ("history", "statistics", "performance-metrics"):
        client("GET", f"{WORKFLOW}/{path}")
    client("GET", f"{WORKFLOW}/{{workflow_id}}/history", workflow_id="content_creation")
    export = client("POST", f"{TRAINING}/export", {"format": "csv"})["export_id"]
    client("GET", f"{TRAINING}/export/{{export_id}}", export_id=export)
    world.advance(60)  # the job finds that the request has done all
    named = parts.part("tone", 'form-data; name="name"')
    model = client("POST", f"{TRAINING}/upload-model", parts.body(named, parts.file(b"weights")))["model_id"]
    client("GET", f"{TRAINING}/models/{{model_id}}", model_id=model)
    _upload_by_link(client, world)


def _upload_by_link(client: Client, world: World) -> None:
    """One file is uploaded and becomes a model, another does not."""
    for size, is_asked_for in ((1, True), (2, False)):
        file = {"name": "large", "filename": "x.gguf", "size_bytes": size, "sha256": f"{size}" * 64}
        link = client("POST", f"{TRAINING}/uploads", file)["upload_url"]
        s3.put_object(unquote(urlsplit(link).path).lstrip("/"), b"x", "application/octet-stream")
        if is_asked_for:
            client("POST", f"{TRAINING}/uploads", file)
    world.advance(2 * trained_models.LINK_SECONDS + 60)


def _submit() -> str:
    return content_tasks.create(ORG, "ops", "Tea", {}).id


def _orchestrate(client: Client, world: World, *, approved: bool) -> None:
    task_id = _submit()
    body = {"task_id": task_id, "workflow_type": "content_creation", "parameters": {"notes": "x" * 150_000}}
    execution = client("POST", f"{ROOT}/process", body)["execution_id"]
    started = lifecycle.get(ORG, execution)
    for index in range(4):  # before anybody can perform them
        advance.advance(started)
        step = lifecycle.get(ORG, executions.step_id(started, index))
        by_owner.complete(ORG, step.id, step.pool, "ann", WRITTEN)
    world.settle()
    client("GET", f"{ROOT}/approval/{{task_id}}", task_id=task_id)
    client("POST", f"{ROOT}/approve/{{task_id}}", {"approved": approved}, task_id=task_id)
    world.settle()
    client("GET", f"{ROOT}/status/{{task_id}}", task_id=task_id)
    if not approved:
        client("POST", f"{ROOT}/process", body)
    client("GET", f"{WORKFLOW}/{{workflow_id}}/details", workflow_id=execution)
