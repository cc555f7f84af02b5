"""Ollama."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.ollama import FakeOllama
from tests.support.world import World

HOST = "ollama.example"
PROVIDER = {
    "name": "ollama",
    "protocol": "ollama",
    "url": f"https://{HOST}",
    "models": [{"id": "mistral", "name": "Mistral", "context_length": 8_192}],
}
HEALTH, MODELS, STATUS = (f"GET /api/ollama/{name}" for name in ("health", "models", "status"))
WARM_UP, SELECT = "POST /api/ollama/warmup", "POST /api/ollama/select-model"


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A server with a model in memory."""
    world.servers[HOST] = FakeOllama(world, loaded=["mistral:latest"])
    return {}


group = Group(
    build=build,
    public=(HEALTH, MODELS, STATUS, WARM_UP),
    # Ollama says neither how long it runs nor how many requests it gets.
    decided={HEALTH: {"uptime": None}, STATUS: {"requests_per_second": None}},
    answers={
        SELECT: {
            "model": "mistral",
            "name": "Mistral",
            "provider": "ollama",
            "selected_at": "2024-12-09T15:00:00Z",
        }
    },
    missing=((SELECT, "model", {}), (WARM_UP, "model", {})),
    bases={SELECT: {"model": "mistral"}, WARM_UP: {"model": "mistral"}},
    wrong=((SELECT, "model", ("", "gpt-9", "x" * 201, 7, None)), (WARM_UP, "model", ("", "gpt-9", "x" * 201, 7, None))),
)
