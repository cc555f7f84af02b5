"""The catalogue of models: the providers of a deployment and their models, as the setting MODELS describes them.

MODELS is a JSON list of providers in the order of preference (docs/how-to/choose-a-model.md). The code worker reads the
same text. No error quotes a value of it, since it may hold keys.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

Protocol = Literal["openai", "anthropic", "bedrock", "ollama"]
DEFAULT_URLS: Mapping[str, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "bedrock": "",
    "ollama": "http://127.0.0.1:11434",
}
NEEDS_KEY = frozenset({"anthropic"})
"""Protocols that no server speaks without a key."""
DEFAULT_CONCURRENCY = 10
"""Calls of a provider that run at once, over all processes."""
DEFAULT_IDLE_SECONDS = 60.0
"""How long a provider can be silent within an answer."""


_DERIVED = frozenset({"is_own_key"})


class InvalidCatalogue(ValueError):
    """The text is not a catalogue. The error says where and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model. Prices are in dollars for a million tokens, which is microdollars for one; None is unknown."""

    id: str
    name: str
    model: str
    """The provider's own id."""
    context_length: int
    description: str = ""
    input_usd_per_million: float | None = None
    output_usd_per_million: float | None = None
    priced_at: str = ""
    """The date on which the prices were true."""
    max_output_tokens: int | None = None

    def cost_microdollars(self, tokens_in: int | None, tokens_out: int | None) -> int | None:
        """What so many tokens cost; None where a price or a count is unknown."""
        prices = (self.input_usd_per_million, self.output_usd_per_million)
        if None in prices or tokens_in is None or tokens_out is None:
            return None
        price_in, price_out = cast(tuple[float, float], prices)
        return round(price_in * tokens_in + price_out * tokens_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider and its models."""

    name: str
    protocol: Protocol
    url: str
    key: str = ""
    key_env: str = ""
    """The environment variable that holds the key."""
    region: str = ""
    """The AWS region of Bedrock; empty for the deployment's own."""
    private: bool = False
    """Whether the operator says that the URL is in a private network."""
    extra: str = ""
    """The extra that must be installed for this provider."""
    concurrency: int = DEFAULT_CONCURRENCY
    idle_seconds: float = DEFAULT_IDLE_SECONDS
    is_own_key: bool = False
    """Whether the key is of the org that calls, and not shared by all; no field of the text."""
    models: tuple[Model, ...] = ()


class Entry(NamedTuple):
    """A model and its provider."""

    provider: Provider
    model: Model


def parse_catalogue(text: str) -> tuple[Provider, ...]:
    """The providers of a MODELS text; none of an empty one. Raises InvalidCatalogue."""
    try:
        value = json.loads(text) if text.strip() else []
    except ValueError:
        raise InvalidCatalogue("it is not JSON") from None
    if not isinstance(value, list):
        raise InvalidCatalogue("it is not a list of providers")
    providers = tuple(_provider(each, f"provider {number}") for number, each in enumerate(value, 1))
    _refuse_repeated([provider.name for provider in providers], "provider")
    _refuse_repeated([entry.model.id for entry in entries(providers)], "model")
    return providers


def entries(providers: tuple[Provider, ...]) -> list[Entry]:
    """All models in the order of preference."""
    return [Entry(provider, model) for provider in providers for model in provider.models]


def _refuse_repeated(names: list[str], kind: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidCatalogue(f"two {kind}s have the same {'name' if kind == 'provider' else 'id'}: {repeated[0]}")


def _provider(value: Any, where: str) -> Provider:
    fields = _Fields(value, where, Provider)
    protocol = fields.text("protocol")
    if protocol not in get_args(Protocol):
        raise InvalidCatalogue(f"{where}: 'protocol' must be one of {', '.join(get_args(Protocol))}")
    models = value.get("models")
    if not isinstance(models, list) or not models:
        raise InvalidCatalogue(f"{where}: 'models' must be a list with at least one model")
    return Provider(
        name=fields.text("name"),
        protocol=cast(Protocol, protocol),
        url=fields.text("url", DEFAULT_URLS[protocol]).rstrip("/"),
        key=fields.text("key", ""),
        key_env=fields.text("key_env", ""),
        region=fields.text("region", ""),
        private=fields.flag("private"),
        extra=fields.text("extra", ""),
        concurrency=int(fields.number("concurrency", DEFAULT_CONCURRENCY, whole=True)),
        idle_seconds=fields.number("idle_seconds", DEFAULT_IDLE_SECONDS),
        models=tuple(_model(each, f"{where}, model {number}") for number, each in enumerate(models, 1)),
    )


def _model(value: Any, where: str) -> Model:
    fields = _Fields(value, where, Model)
    identifier = fields.text("id")
    return Model(
        id=identifier,
        name=fields.text("name", identifier),
        model=fields.text("model", identifier),
        context_length=int(fields.number("context_length", whole=True)),
        description=fields.text("description", ""),
        input_usd_per_million=fields.price("input_usd_per_million"),
        output_usd_per_million=fields.price("output_usd_per_million"),
        priced_at=fields.text("priced_at", ""),
        max_output_tokens=fields.count("max_output_tokens"),
    )


class _Fields:
    """Reads the fields of one JSON object of the catalogue."""

    def __init__(self, value: Any, where: str, kind: type[Provider] | type[Model]) -> None:
        if not isinstance(value, dict):
            raise InvalidCatalogue(f"{where} is not an object")
        names = [name for name in kind.__dataclass_fields__ if name not in _DERIVED]
        if unknown := sorted(value.keys() - set(names)):
            raise InvalidCatalogue(f"{where}: there is no field '{unknown[0]}': known are {', '.join(names)}")
        self._value, self._where = value, where

    def text(self, name: str, default: str | None = None) -> str:
        value = self._value.get(name, default)
        if not isinstance(value, str) or (default is None and not value) or len(value) > 2_000:
            raise InvalidCatalogue(f"{self._where}: '{name}' must be a text")
        return value

    def number(self, name: str, default: float | None = None, *, whole: bool = False, least: float = 0) -> float:
        value = self._value.get(name, default)
        is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not is_number or not least < cast(float, value) < 1e12:
            raise InvalidCatalogue(f"{self._where}: '{name}' must be a {'whole ' if whole else ''}number above {least}")
        return cast(float, value)

    def price(self, name: str) -> float | None:
        value = self._value.get(name)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6):
            return value
        raise InvalidCatalogue(f"{self._where}: '{name}' must be a number of dollars")

    def count(self, name: str) -> int | None:
        return None if self._value.get(name) is None else int(self.number(name, whole=True))

    def flag(self, name: str) -> bool:
        value = self._value.get(name, False)
        if not isinstance(value, bool):
            raise InvalidCatalogue(f"{self._where}: '{name}' must be true or false")
        return value
