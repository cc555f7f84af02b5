"""Models, which are the deployment's: whoever asks sees the same."""

import json

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.contract.faces.studio import ollama
from tests.support.client import Client
from tests.support.world import World

MODEL, KEY = "claude-3-sonnet", "sk-ant-secret"
MODELS = [
    {
        "name": "anthropic",
        "protocol": "anthropic",
        "key": KEY,
        "models": [
            {
                "id": MODEL,
                "name": "Claude 3 Sonnet",
                "context_length": 200_000,
                "input_usd_per_million": 3,
                "output_usd_per_million": 15.5,
                "priced_at": "2024-12-09",
                "description": "Large.",
                "max_output_tokens": 4_096,
            }
        ],
    }
]
LISTS = ("GET /api/models", "GET /api/models/list", "GET /api/models-list")
ONES = ("GET /api/models/{model_name}", "GET /api/models/{model_name}/info")
ROW = {
    "id": MODEL,
    "name": "Claude 3 Sonnet",
    "provider": "anthropic",
    "context_window": 200_000,
    "pricing": {"input_usd_per_million": 3.0, "output_usd_per_million": 15.5, "priced_at": "2024-12-09"},
}
UNPRICED = {
    "id": "mistral",
    "name": "Mistral",
    "provider": "ollama",
    "context_window": 8_192,
    "pricing": {"input_usd_per_million": None, "output_usd_per_million": None, "priced_at": None},
}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """The deployment's models are there."""
    return {"language model": Resource("Model", MODEL)}


group = Group(
    build=build,
    settings={"models": json.dumps([*MODELS, ollama.PROVIDER])},
    on={one: {"model_name": "language model"} for one in ONES},
    public=(*LISTS, *ONES),
    answers={one: {"models": [ROW, UNPRICED]} for one in LISTS}
    | {one: ROW | {"description": "Large.", "max_output_tokens": 4_096} for one in ONES},
)
