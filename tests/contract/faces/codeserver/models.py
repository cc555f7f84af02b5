"""Models: "Model Management" of the document."""

import json

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

MODELS = [
    {
        "name": "anthropic",
        "protocol": "anthropic",
        "key": "sk-ant-secret",
        "models": [{"id": "claude-opus", "name": "Claude 3 Opus", "context_length": 200_000, "description": "Large."}],
    },
    {
        "name": "openai",
        "protocol": "openai",
        "key": "sk-secret",
        "models": [{"id": "gpt-4", "name": "GPT-4", "context_length": 128_000, "description": "Large, too."}],
    },
]
ROW = {
    "id": "claude-opus",
    "name": "Claude 3 Opus",
    "provider": "anthropic",
    "context_length": 200_000,
    "status": "active",
    # The document has none: an operator can say what a model is good for.
    "description": "Large.",
}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """The deployment has models; the org has chosen the second."""
    client.post("/api/model/switch", {"model_id": "gpt-4"}, token=caller)
    return {}


group = Group(
    build=build,
    settings={"models": json.dumps(MODELS)},
    common=("GET /api/models",),
    elsewhere=("GET /api/models",),
    answers={"GET /api/models": {"models": [ROW], "total": 2}},
    bases={"POST /api/model/switch": {"model_id": "gpt-4"}},
    missing=(("POST /api/model/switch", "model_id", {}),),
    wrong=(
        ("POST /api/model/switch", "model_id", ("", "gpt-9", "GPT-4", "x" * 201, 7, None, ["gpt-4"])),
        ("POST /api/model/switch", "temperature", (-0.1, 2.1, "0.5", True, [])),
        ("POST /api/model/switch", "top_p", (0, 1.1, "0.5", True, [])),
    ),
)
