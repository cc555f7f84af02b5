"""Ollama's own API beside its chat: the models that it has, those in memory, and loading one (docs.ollama.com/api).

An installation without a model answers with null in the place of a list.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.models.ollama_models import InstalledModel, LoadedModel
from chalicelib.providers.models import streaming
from chalicelib.providers.models.streaming import Endpoint


def list_installed(endpoint: Endpoint) -> list[InstalledModel]:
    """The models that it has (`GET /api/tags`). Raises ModelFailure."""
    return [_installed(model) for model in _models(streaming.send(endpoint, "GET", "/api/tags"))]


def list_loaded(endpoint: Endpoint) -> list[LoadedModel]:
    """The models in memory, the one that stays longest first (`GET /api/ps`). Raises ModelFailure."""
    models = _models(streaming.send(endpoint, "GET", "/api/ps"))
    return [LoadedModel(streaming.text_of(model.get("name")), _bytes_of(model.get("size"))) for model in models]


def _bytes_of(value: object) -> int:
    return max(0, value) if isinstance(value, int) else 0


def load(endpoint: Endpoint, model: str) -> None:
    """Load a model: `POST /api/generate` without a prompt, which answers when it is in memory. Raises ModelFailure."""
    streaming.send(endpoint, "POST", "/api/generate", {"model": model, "stream": False})


def _models(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [streaming.object_of(model) for model in streaming.list_of(answer.get("models"))]


def _installed(model: Mapping[str, Any]) -> InstalledModel:
    details = streaming.object_of(model.get("details"))
    texts = (model.get("name"), details.get("parameter_size"), details.get("quantization_level"))
    return InstalledModel(*map(streaming.text_of, texts))
