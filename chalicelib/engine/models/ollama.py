"""The deployment's Ollama server, which is the first provider of MODELS that speaks its protocol.

Anybody may ask about it: so its answers are remembered for some seconds, and one request at a time loads a model.
"""

from typing import Literal, NamedTuple

from chalicelib import clock
from chalicelib.domain.models.catalogue import Provider
from chalicelib.domain.models.chat import ModelFailure, ProviderTimedOut
from chalicelib.domain.models.ollama_models import InstalledModel, LoadedModel, full_name
from chalicelib.engine.models import catalogue, current_model
from chalicelib.engine.models.current_model import CurrentModel
from chalicelib.engine.models.provider_calls import SHARED
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import InvalidRequest, NotConfigured, TimedOut, Unavailable
from chalicelib.providers.models import ollama_admin
from chalicelib.providers.models.streaming import Endpoint

PROTOCOL = "ollama"
NOT_CONFIGURED = "No Ollama is configured: add a provider with the protocol ollama to MODELS."
ASK_SECONDS = 5.0
LOAD_SECONDS = 25.0
"""API Gateway waits 29 seconds."""
CACHE_TTL_MS = 5 * clock.SECOND

HealthStatus = Literal["healthy", "degraded", "offline"]
WarmUp = Literal["warming", "loaded", "ready"]

_installed: TtlCache[str, list[InstalledModel]] = TtlCache(CACHE_TTL_MS)
_loaded: TtlCache[str, list[LoadedModel] | ModelFailure] = TtlCache(CACHE_TTL_MS)
"""By the server's URL."""


class Health(NamedTuple):
    """How the server is, and the bytes of its models in memory: None where it does not say."""

    status: HealthStatus
    memory_bytes: int | None = None


def get_health() -> Health:
    """`degraded`: it answers with something else than its protocol says, or not in time. `offline`: it cannot be
    reached, or none is configured."""
    endpoint = _find_endpoint(ASK_SECONDS)
    if endpoint is None:
        return Health("offline")
    loaded = _ask_loaded(endpoint)
    if not isinstance(loaded, ModelFailure):
        return Health("healthy", sum(model.size_bytes for model in loaded))
    return Health("degraded" if loaded.status is not None or isinstance(loaded, ProviderTimedOut) else "offline")


def list_installed() -> list[InstalledModel]:
    """The models that the server has; none where no server is configured. Raises Unavailable."""
    endpoint = _find_endpoint(ASK_SECONDS)
    return _ask_installed(endpoint) if endpoint is not None else []


def find_loaded() -> list[LoadedModel] | None:
    """The models in its memory, the latest first; None where no server is configured. Raises Unavailable."""
    endpoint = _find_endpoint(ASK_SECONDS)
    return _require_loaded(endpoint) if endpoint is not None else None


def warm_up(name: str) -> WarmUp:
    """Load a model into memory. `ready`: it was there. `loaded`: it is there now. `warming`: another request loads it.

    Two calls where it is loaded. Raises NotConfigured, InvalidRequest for a model that the server does not have,
    TimedOut after LOAD_SECONDS, Unavailable.
    """
    endpoint = _find_endpoint(LOAD_SECONDS)
    if endpoint is None:
        raise NotConfigured(NOT_CONFIGURED)
    model, short = full_name(name), endpoint._replace(total_seconds=ASK_SECONDS)
    if model in {full_name(loaded.name) for loaded in _require_loaded(short)}:
        return "ready"
    _require_known(name, [installed.name for installed in _ask_installed(short)])
    with long_call_slots.try_slot(SHARED, f"ollama:{model}", 1, LOAD_SECONDS) as refusal:
        if refusal is not None:
            return "warming"
        _load(endpoint, model)
    return "loaded"


def _load(endpoint: Endpoint, model: str) -> None:
    try:
        ollama_admin.load(endpoint, model)
    except ProviderTimedOut:
        raise TimedOut(f"Ollama did not load the model within {LOAD_SECONDS:.0f} seconds") from None
    except ModelFailure:
        raise _does_not_answer() from None
    _loaded.remove(endpoint.url)


def select(org: str, name: str, by: str) -> CurrentModel:
    """Choose one of the server's models that MODELS names as the org's model, by its id or by Ollama's name. Costs as
    `current_model.switch`. Raises NotConfigured, InvalidRequest for any other."""
    provider = _find_provider()
    if provider is None:
        raise NotConfigured(NOT_CONFIGURED)
    by_name = {full_name(model.model): model.id for model in provider.models}
    by_name |= {full_name(model.id): model.id for model in provider.models}
    if full_name(name) not in by_name:
        raise _unknown_model(name, [model.id for model in provider.models])
    return current_model.switch(org, by_name[full_name(name)], by=by)


def _require_known(name: str, names: list[str]) -> None:
    if full_name(name) not in map(full_name, names):
        raise _unknown_model(name, names)


def _unknown_model(name: str, names: list[str]) -> InvalidRequest:
    problem = f"there is no model '{name[:100]}': known are {', '.join(names[:50]) or 'none'}"
    return InvalidRequest(f"model: {problem}", fields={"model": problem})


def _find_provider() -> Provider | None:
    providers = catalogue.get_providers(catalogue.NO_ORG)
    return next((provider for provider in providers if provider.protocol == PROTOCOL), None)


def _find_endpoint(seconds: float) -> Endpoint | None:
    provider = _find_provider()
    return Endpoint(provider.url, provider.key, provider.private, total_seconds=seconds) if provider else None


def _ask_installed(endpoint: Endpoint) -> list[InstalledModel]:
    known = _installed.get(endpoint.url)
    if known is not None:
        return known
    try:
        return _installed.put(endpoint.url, ollama_admin.list_installed(endpoint))
    except ModelFailure:
        raise _does_not_answer() from None


def _ask_loaded(endpoint: Endpoint) -> list[LoadedModel] | ModelFailure:
    known = _loaded.get(endpoint.url)
    if known is not None:
        return known
    try:
        return _loaded.put(endpoint.url, ollama_admin.list_loaded(endpoint))
    except ModelFailure as failure:
        return _loaded.put(endpoint.url, failure)


def _require_loaded(endpoint: Endpoint) -> list[LoadedModel]:
    loaded = _ask_loaded(endpoint)
    if isinstance(loaded, ModelFailure):
        raise _does_not_answer()
    return loaded


def _does_not_answer() -> Unavailable:
    return Unavailable("Ollama does not answer as it should; see /api/ollama/health")
