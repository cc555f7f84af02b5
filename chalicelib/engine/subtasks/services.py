"""Which search and which maker of images a deployment uses: the settings SEARCH and IMAGES.

In AWS the text of each can be in SSM beside the models, because it holds a key: `{SECRETS_PARAMETER}/models-search` and
`{SECRETS_PARAMETER}/models-images`.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, Literal

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import NotConfigured
from chalicelib.storage.aws import ssm

Name = Literal["search", "images"]
_NEEDS: Mapping[tuple[Name, str], tuple[str, ...]] = {
    ("search", "searxng"): ("url",),
    ("search", "brave"): ("key",),
    ("images", "openai"): ("url", "model"),
    ("images", "webui"): ("url",),
}
"""What each provider needs."""

_cached: TtlCache[tuple[str, str], str] = TtlCache(clock.MINUTE)


def require(name: Name) -> dict[str, str]:
    """The configured service, with its `provider` and what that needs. Cached for a minute; one call of SSM otherwise.

    Raises NotConfigured, which names the setting.
    """
    text = _read(name)
    if not text:
        raise NotConfigured(f"No service for {name} is configured: set {name.upper()}.")
    try:
        service = {str(key): str(value) for key, value in dict[str, Any](json.loads(text)).items()}
    except (ValueError, TypeError):
        raise NotConfigured(f"{name.upper()} is not a JSON object.") from None
    if service.get("key_env"):
        service["key"] = os.environ.get(service["key_env"], "")
    needed = _NEEDS.get((name, service.get("provider", "")))
    if needed is None:
        known = " or ".join(provider for kind, provider in _NEEDS if kind == name)
        raise NotConfigured(f"{name.upper()}: provider must be {known}.")
    if missing := [key for key in needed if not service.get(key)]:
        raise NotConfigured(f"{name.upper()} has no {missing[0]}.")
    return service


def _read(name: Name) -> str:
    text, prefix = str(getattr(settings(), name)), settings().secrets_parameter
    if text or not prefix:
        return text
    cached = _cached.get((prefix, name))
    return (
        cached
        if cached is not None
        else _cached.put((prefix, name), ssm.find_parameter(f"{prefix}/models-{name}") or "")
    )
