"""A day of the code server API's webhooks, and of models' answers."""

import json
from typing import Any

from chalicelib import config
from chalicelib.apis import codeserver
from chalicelib.config import settings
from tests.apis.codeserver import tasks
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.models import models
from tests.support.world import ORG, World

CHAT = {"event": "chat_message", "user_id": "u", "message": "hello"}
RESULT = {"event": "code_execution_complete", "execution_result": {"output": "x" * 150_000, "exit_code": 0}}


def run(watch: Watch, world: World) -> None:
    """Messages are answered, after wakeups or by the sweep; code tasks are requested and executed elsewhere."""
    client = Client(watch, codeserver.api)
    before = config.replace(messengers=json.dumps({ORG: {"codeserver": {"secret": "s"}}}))

    def hear(hook: str, **body: Any) -> Any:
        return client("POST", f"/webhook/{hook}", body)

    with models(world) as fake_models:
        fake_models.openai.text = "x" * 150_000
        for awake in (True, False):
            conversation = hear("delqhi-chat", **CHAT, context={"awake": awake})["conversation_id"]
            for _ in range(2):
                hear("cockpit-chat", **CHAT | {"event": "user_request", "event_id": f"e-{awake}"})
            body = {"user_id": "u", "name": "n", "state": {"conversation_id": conversation}}
            session = client("POST", "/api/sessions/save", body)["id"]
            client("POST", "/api/sessions/restore/{id}", {}, id=session)
            hear("delqhi-chat", **CHAT, context={"again": awake})
            pass_time(world, awake)
    worker = tasks.register_worker(world)
    task_id = hear("n8n", event="code_task_created", task_id="n-1", prompt="x")["task_id"]
    hear("telegram", event="telegram_message", chat_id="1", message="/code x")
    hear("opencode-cli", event="opencode_command", command="generate", args=["x"], session_id="s")
    world.settle()
    for _ in range(2):
        hear("agent-zero", **RESULT, task_id=task_id)
    assert worker
    config.restore(before)


def pass_time(world: World, awake: bool) -> None:
    """Let everything happen, or everything but what needs wakeups."""
    for _ in range(0 if awake else 8):
        for _ in range(3):
            while world.relay("documents", limit=1000) or world.relay("tasks", limit=1000):
                pass
            for queue in ("dispatch", "models"):
                world.handle(queue)
        world.queues.queues[settings().wakeups_queue].clear()
        world.advance(60, settle=False)
    world.settle()
