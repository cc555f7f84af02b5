"""Chat, models and metrics of the studio API in a day."""

from chalicelib.apis import studio
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.models import OLLAMA_HOST, models
from tests.support.ollama import FakeOllama
from tests.support.world import World

CHAT, HISTORY = "/api/chat", "/api/chat/history/{conversation_id}"


def run(watch: Watch, world: World) -> None:
    """A conversation begins, goes on, is read and deleted; a provider asks for a pause; figures are read."""
    client = Client(watch, studio.api)
    with models(world) as fake_models:
        fake_models.openai.modes = ["rate limited"]
        begun = client("POST", CHAT, {"message": "hello"})["conversation_id"]
        client("POST", CHAT, {"message": "hello", "conversation_id": begun, "model": "fast"})
        client("GET", f"{CHAT}/models")
        client("GET", "/api/models")
        world.servers[OLLAMA_HOST] = FakeOllama(world)
        client("POST", "/api/ollama/warmup", {"model": "mistral"})
        client("POST", "/api/ollama/select-model", {"model": "small"})
    client("GET", HISTORY, conversation_id=begun)
    client("DELETE", HISTORY, conversation_id=begun)
    for path in ("usage", "costs", "summary"):
        client("GET", f"/api/metrics/{path}")
    world.clock.advance(10)
    client("POST", "/api/metrics/track-usage", {"metric_name": "revenue", "value": 10, "unit": "usd"})
    world.settle()
