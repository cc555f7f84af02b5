"""A day of language models: they are listed, chosen and called, and some do not answer."""

import json

from chalicelib import config
from chalicelib.apis import codeserver
from chalicelib.domain.models.chat import Message
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.models import chat_tasks
from chalicelib.engine.models.generation import Ask
from chalicelib.engine.tasks import lifecycle
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.models import PROVIDERS, Models, models
from tests.support.world import ORG, World

BEDROCK = {
    "name": "bedrock",
    "protocol": "bedrock",
    "url": "http://127.0.0.1:1",
    "models": [{"id": "unreachable", "context_length": 1000}],
}
LARGE = "x" * 150_000


def run(watch: Watch, world: World) -> None:
    """The models' part of the day."""
    with models(world) as fake_models:
        config.replace(models=json.dumps([*PROVIDERS, BEDROCK]))
        choose(Client(watch, codeserver.api))
        chat(fake_models)


def choose(client: Client) -> None:
    """List the models, and choose one, then another."""
    client("GET", "/api/models")
    for model in ("fast", "clever"):
        client("POST", "/api/model/switch", {"model_id": model})
    client("GET", "/api/model/current")


def chat(fake_models: Models) -> None:
    """A long question with a long answer, a provider that asks for a pause, and one that does not answer."""
    assert ask(fake_models, LARGE) is Status.COMPLETED
    fake_models.openai.modes = ["rate limited"]
    assert ask(fake_models, "hello") is Status.COMPLETED
    assert ask(fake_models, "hello", model="unreachable", fallback=("small",)) is Status.COMPLETED


def ask(fake_models: Models, text: str, model: str = "clever", fallback: tuple[str, ...] = ()) -> Status:
    """The final state of a chat task."""
    asked = Ask(messages=(Message("user", text),), model=model, fallback=fallback)
    task = chat_tasks.submit(ORG, "dev", asked, api="studio")
    fake_models.world.advance(60)
    return lifecycle.get(ORG, task.id).status
