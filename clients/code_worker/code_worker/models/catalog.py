"""The setting MODELS: the providers in the order of preference, and their models.

Yardmaster itself has a setting of the same form. Fields that only Yardmaster needs, such as prices, are ignored.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from code_worker.errors import Misconfigured

DEFAULT_URLS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "ollama": "http://localhost:11434",
    "bedrock": "",
}
"""Each protocol, and the address of its provider. Bedrock's address follows from the AWS region."""
DEFAULT_MAX_TOKENS = 4096
DEFAULT_IDLE_SECONDS = 60.0
"""How long a provider may send nothing within an answer."""


@dataclass(frozen=True)
class Provider:
    """A service with models. `key` is a secret, or empty where none is needed."""

    name: str
    protocol: str
    url: str
    key: str = field(repr=False)
    region: str = ""
    idle_seconds: float = DEFAULT_IDLE_SECONDS


@dataclass(frozen=True)
class Sampling:
    """How a model draws its text. None leaves it to the provider."""

    temperature: float | None = None
    top_p: float | None = None


@dataclass(frozen=True)
class Model:
    """A model. `id` is its name in Yardmaster, `provider_id` its name at the provider."""

    id: str
    provider: Provider
    provider_id: str
    max_tokens: int
    sampling: Sampling = Sampling()


class Catalog:
    """All models that this worker can ask, the preferred one first."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._models = {model.id: model for model in models}
        if not self._models:
            raise Misconfigured("MODELS names no model")

    @property
    def ids(self) -> list[str]:
        """The names of all models."""
        return list(self._models)

    def in_order(self, wanted: str | None, fallback: Iterable[str]) -> list[Model]:
        """The models to try: the requested ones (by default the preferred one), then the others in their order.

        Unknown names are left out.
        """
        first = wanted or next(iter(self._models))
        return [self._models[name] for name in dict.fromkeys([first, *fallback]) if name in self._models]


def parse(text: str, environment: Mapping[str, str]) -> Catalog:
    """Parse the JSON of MODELS. `environment` has the keys that `key_env` names. Raises Misconfigured."""
    try:
        providers = json.loads(text)
    except ValueError as error:
        raise Misconfigured(f"MODELS is not JSON: {error}") from None
    if not isinstance(providers, list):
        raise Misconfigured("MODELS must be a list of providers")
    models_by_provider = [_models(item, f"MODELS[{at}]", environment) for at, item in enumerate(providers)]
    return Catalog(model for models in models_by_provider for model in models)


def _models(item: Any, where: str, environment: Mapping[str, str]) -> list[Model]:
    provider = _provider(item, where, environment)
    models = item.get("models")
    if not isinstance(models, list):
        raise Misconfigured(f"{where}.models must be a list")
    return [_model(each, provider, f"{where}.models[{at}]") for at, each in enumerate(models)]


def _provider(item: Any, where: str, environment: Mapping[str, str]) -> Provider:
    if not isinstance(item, dict):
        raise Misconfigured(f"{where} must be an object")
    protocol = _text(item, "protocol", where)
    if protocol not in DEFAULT_URLS:
        raise Misconfigured(f"{where}.protocol must be one of {', '.join(DEFAULT_URLS)}")
    return Provider(
        name=_text(item, "name", where, protocol),
        protocol=protocol,
        url=_base(_text(item, "url", where, DEFAULT_URLS[protocol]), protocol, where),
        key=_key(item, where, environment),
        region=_text(item, "region", where, ""),
        idle_seconds=_number(item, "idle_seconds", where, DEFAULT_IDLE_SECONDS),
    )


def _base(url: str, protocol: str, where: str) -> str:
    """The base address of the protocol's paths. `http://host` with the protocol openai means `http://host/v1`."""
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise Misconfigured(f"{where}.url must begin with http:// or https:// and name a host")
    base = url.rstrip("/")
    if protocol == "openai" and not parts.path.strip("/"):
        return f"{base}/v1"
    return base.removesuffix("/v1") if protocol == "anthropic" else base


def _key(item: Mapping[str, Any], where: str, environment: Mapping[str, str]) -> str:
    variable = _text(item, "key_env", where, "")
    if variable and variable not in environment:
        raise Misconfigured(f"{where}.key_env names the environment variable {variable}, which is not set")
    return environment[variable] if variable else _text(item, "key", where, "")


def _model(item: Any, provider: Provider, where: str) -> Model:
    if not isinstance(item, dict):
        raise Misconfigured(f"{where} must be an object")
    identifier = _text(item, "id", where)
    tokens = int(_number(item, "max_output_tokens", where, DEFAULT_MAX_TOKENS))
    return Model(identifier, provider, _text(item, "model", where, identifier), tokens)


def _number(item: Mapping[str, Any], name: str, where: str, default: float) -> float:
    value = item.get(name)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise Misconfigured(f"{where}.{name} must be a number above 0")
    return value


def _text(item: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = item.get(name, default)
    if value is None and name in item and default is not None:
        return default
    if not isinstance(value, str) or (default is None and not value):
        raise Misconfigured(f"{where}.{name} must be a text")
    return value
