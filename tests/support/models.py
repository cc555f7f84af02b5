"""The language models of tests: three providers with fake servers, which answer within the process."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalicelib import clock, config
from chalicelib.domain.models.catalogue import DEFAULT_CONCURRENCY
from chalicelib.engine.models import provider_calls
from chalicelib.engine.models.provider_calls import MAX_SECONDS
from chalicelib.engine.security import long_call_slots
from tests.support import aws
from tests.support.model_servers import KEY, AnthropicServer, OllamaServer, OpenAiServer
from tests.support.world import World

OPENAI_HOST, ANTHROPIC_HOST, OLLAMA_HOST = "openai.example", "anthropic.example", "ollama.example"
PROVIDERS: list[dict[str, Any]] = [
    {
        "name": "openai",
        "protocol": "openai",
        "url": f"https://{OPENAI_HOST}/v1",
        "key": KEY,
        "models": [
            {
                "id": "clever",
                "name": "Clever One",
                "model": "clever-2026",
                "context_length": 128_000,
                "input_usd_per_million": 2,
                "output_usd_per_million": 10,
                "priced_at": "2026-01-15",
            },
            {"id": "fast", "name": "Fast One", "model": "fast-2026", "context_length": 64_000},
        ],
    },
    {
        "name": "anthropic",
        "protocol": "anthropic",
        "url": f"https://{ANTHROPIC_HOST}",
        "key": KEY,
        "models": [{"id": "careful", "name": "Careful One", "context_length": 200_000}],
    },
    {
        "name": "ollama",
        "protocol": "ollama",
        "url": f"https://{OLLAMA_HOST}",
        "models": [{"id": "small", "name": "Small One", "context_length": 8_192}],
    },
]
MODELS = json.dumps(PROVIDERS)
"""The setting of that name."""


@dataclass
class Models:
    """A deployment with these models and their servers."""

    world: World
    openai: OpenAiServer = field(default_factory=lambda: OpenAiServer(key=KEY))
    anthropic: AnthropicServer = field(default_factory=lambda: AnthropicServer(key=KEY))
    ollama: OllamaServer = field(default_factory=OllamaServer)

    @property
    def request_counts(self) -> dict[str, int]:
        """Provider -> how many requests its server got."""
        return {name: len(getattr(self, name).requests) for name in ("openai", "anthropic", "ollama")}

    @contextmanager
    def all_calls_taken(self, seconds: float, provider: str = "openai") -> Iterator[None]:
        """For so many seconds as many calls of the provider run as it may have."""
        ends_at = clock.now() + seconds * clock.SECOND
        with ExitStack() as slots:
            for _ in range(DEFAULT_CONCURRENCY):
                kind, most = f"model:{provider}", DEFAULT_CONCURRENCY
                slots.enter_context(long_call_slots.hold_required_slot(provider_calls.SHARED, kind, most, MAX_SECONDS))

            def free(_call: aws.Call, send: Callable[[], Any]) -> Any:
                if clock.now() >= ends_at:
                    with aws.without_interference():
                        slots.close()
                return send()

            with aws.interfering(free):
                yield


@contextmanager
def models(world: World) -> Iterator[Models]:
    """Configure the models and start their servers."""
    servers = Models(world)
    hosts = {OPENAI_HOST: servers.openai, ANTHROPIC_HOST: servers.anthropic, OLLAMA_HOST: servers.ollama}
    world.model_servers.update(hosts)
    before = config.replace(models=MODELS)
    yield servers
    config.restore(before)
