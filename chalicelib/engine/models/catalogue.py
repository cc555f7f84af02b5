"""The models that an org can use. They come from the setting MODELS, or from SSM beside the deployment's secrets:

`{SECRETS_PARAMETER}/models` holds what MODELS would, and `{SECRETS_PARAMETER}/models/{org}` an org's own keys, a JSON
object of provider name to key. No API shows a key.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.models import catalogue as rules
from chalicelib.domain.models.catalogue import NEEDS_KEY, Entry, InvalidCatalogue, Provider
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import InvalidRequest, NotConfigured, NotFound
from chalicelib.observability import logger
from chalicelib.providers import extras
from chalicelib.providers.extras import EXTRAS
from chalicelib.storage.aws import ssm

CACHE_TTL_MS = clock.MINUTE
NOT_CONFIGURED = "No language model is configured: set MODELS."
NO_ORG = ""
"""In the place of an org: no parameter of SSM has such a name, so no keys of an org are read."""
_PARAMETER = re.compile(r"[\w.-]{1,128}", re.ASCII)
"""The names that SSM allows for a parameter."""

ModelStatus = Literal["active", "installing", "unavailable"]

_cached: TtlCache[tuple[str, str], tuple[Provider, ...]] = TtlCache(CACHE_TTL_MS)
"""By org and the text of MODELS, so that a changed setting is in force at once."""


def get_providers(org: str) -> tuple[Provider, ...]:
    """The providers with the keys that this org uses, in the order of preference; none where nothing is configured.

    Cached for a minute; two calls of SSM otherwise. Raises NotConfigured where MODELS is not valid, and Unavailable.
    """
    key = (org, settings().models)
    cached = _cached.get(key)
    return cached if cached is not None else _cached.put(key, _read_providers(org))


def list_models(org: str) -> list[Entry]:
    """The models that the org can use, in the order of preference. Costs and raises as `get_providers`."""
    return rules.entries(get_providers(org))


def list_available(org: str) -> list[Entry]:
    """As `list_models`, without those that cannot be called."""
    return [entry for entry in list_models(org) if model_status(entry) != "unavailable"]


def list_shared() -> list[Entry]:
    """The models of the deployment, for anybody: no org's keys are read. Costs and raises as `get_providers`."""
    return list_models(NO_ORG)


def get_shared(model_id: str) -> Entry:
    """The model of the deployment with this id. Raises NotFound, and otherwise as `list_shared`."""
    entries = {entry.model.id: entry for entry in list_shared()}
    if model_id not in entries:
        raise NotFound("Model", model_id)
    return entries[model_id]


def find_model(org: str, model_id: str, field: str = "model_id") -> Entry:
    """The model of this id. Raises NotConfigured where there is no model at all, and InvalidRequest, which names the
    known ids and the field that is wrong."""
    entries = {entry.model.id: entry for entry in require_models(org)}
    if model_id not in entries:
        names = ", ".join(entries)
        problem = f"there is no model '{model_id[:100]}': known are {names}"
        raise InvalidRequest(f"{field}: {problem}", fields={field: problem})
    return entries[model_id]


def require_models(org: str) -> list[Entry]:
    """As `list_models`. Raises NotConfigured where there is none."""
    entries = list_models(org)
    if not entries:
        raise NotConfigured(NOT_CONFIGURED)
    return entries


def model_status(entry: Entry) -> ModelStatus:
    """Whether the model can be called now. `unavailable`: the provider's key or extra is missing."""
    provider = entry.provider
    if provider.protocol in NEEDS_KEY and not provider.key:
        return "unavailable"
    phase = extras.get_state(provider.extra).phase if provider.extra else "ready"
    if phase == "ready":
        return "active"
    return "installing" if phase == "installing" else "unavailable"


def has_active_model(org: str) -> bool:
    """Whether one of the org's models can be called now."""
    return any(model_status(entry) == "active" for entry in list_models(org))


def check_setting() -> None:
    """Raise InvalidCatalogue unless the setting MODELS is valid, for a process that must not start otherwise."""
    _parse(settings().models)


def _read_providers(org: str) -> tuple[Provider, ...]:
    prefix = settings().secrets_parameter
    text = settings().models or (prefix and ssm.find_parameter(f"{prefix}/models")) or ""
    try:
        providers = _parse(text)
    except InvalidCatalogue as error:
        logger().error("MODELS is not valid", extra={"reason": str(error)})
        raise NotConfigured(f"MODELS is not valid: {error}.") from None
    own = _read_own_keys(org) if providers and prefix and _PARAMETER.fullmatch(org) else {}
    return tuple(_with_key(provider, own.get(provider.name)) for provider in providers)


def _with_key(provider: Provider, own_key: str | None) -> Provider:
    if own_key:
        return replace(provider, key=own_key, is_own_key=True)
    return replace(provider, key=_shared_key(provider))


def _parse(text: str) -> tuple[Provider, ...]:
    providers = rules.parse_catalogue(text)
    for provider in providers:
        if provider.extra and provider.extra not in EXTRAS:
            raise InvalidCatalogue(f"provider {provider.name}: 'extra' must be one of {', '.join(EXTRAS)}")
    return providers


def _shared_key(provider: Provider) -> str:
    return provider.key or (os.environ.get(provider.key_env, "") if provider.key_env else "")


def _read_own_keys(org: str) -> Mapping[str, str]:
    try:
        value: Any = json.loads(ssm.find_parameter(f"{settings().secrets_parameter}/models/{org}") or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        # The text itself is not logged: it may hold a key.
        logger().error("An org's model keys are not a JSON object", extra={"org": org})
        return {}
    return {str(name): key for name, key in value.items() if isinstance(key, str)}
