"""An org's accounts with messengers, the templates of its n8n hooks, and the secrets of all its hooks. They come from
the setting MESSENGERS or from SSM, and no API shows them."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.deliveries.receivers import PROVIDERS, Provider
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.observability import logger
from chalicelib.providers.messengers import Account, missing_settings
from chalicelib.storage.aws import ssm

CACHE_TTL_MS = clock.MINUTE
_PARAMETER = re.compile(r"[\w.-]{1,128}", re.ASCII)
"""The names that SSM allows for a parameter."""
MAX_REASON_LENGTH = 200
_REDACTED = "***"
_MIN_SECRET, _MIN_SECRET_PIECE = 6, 12
"""Characters of a setting, and of a piece of one, that count as a secret; shorter ones may be plain words."""
_PIECES = re.compile(r"[/:?=&@]")

_cached: TtlCache[str, "Accounts"] = TtlCache(CACHE_TTL_MS)


class Accounts(NamedTuple):
    """The accounts of one org. A provider that lacks a setting is not configured."""

    providers: Mapping[Provider, Account]
    n8n_secret: str | None = None
    templates: Mapping[str, str] = {}
    """Name of an n8n hook -> template of its notifications."""
    codeserver_secrets: Mapping[str, str] = {}
    """Hook of the code server API -> its secret; `secret` is that of all hooks without one of their own."""

    studio_token: str | None = None
    """What other systems send to the webhook of the studio API."""

    def missing(self, name: Provider) -> list[str]:
        """The settings that the provider lacks."""
        return missing_settings(name, self.providers.get(name, {}))

    def codeserver_secret(self, hook: str) -> str | None:
        """The secret of a hook of the code server API."""
        return self.codeserver_secrets.get(hook) or self.codeserver_secrets.get("secret")

    @property
    def configured(self) -> list[Provider]:
        """The providers that lack no setting."""
        return [name for name in PROVIDERS if not self.missing(name)]


def get_accounts(org: str) -> Accounts:
    """The org's accounts, cached for a minute. Raises Unavailable where SSM does not answer."""
    return _cached.get(org) or _cached.put(org, _parse(org, _read(org)))


def redact(text: str, account: Account) -> str:
    """A provider's words, cut to MAX_REASON_LENGTH characters, without the account's settings and the long pieces of
    its URLs and tokens: providers may repeat what they were sent."""
    pieces = {piece for value in account.values() for piece in _PIECES.split(value) if len(piece) >= _MIN_SECRET_PIECE}
    secrets = pieces | {value for value in account.values() if len(value) >= _MIN_SECRET}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _REDACTED)
    return text[:MAX_REASON_LENGTH]  # cut last: a part of a secret would not be recognized


def _read(org: str) -> Any:
    try:
        by_org = json.loads(settings().messengers or "{}")
        if org in by_org or not settings().secrets_parameter or not _PARAMETER.fullmatch(org):
            return by_org.get(org, {})
        return json.loads(ssm.find_parameter(f"{settings().secrets_parameter}/messengers/{org}") or "{}")
    except (ValueError, TypeError, AttributeError):
        # The error itself is not logged: it might quote a secret.
        logger().error("An org's messengers are not a JSON object", extra={"org": org})
        return {}


def _parse(org: str, value: Any) -> Accounts:
    if not isinstance(value, dict):
        logger().error("An org's messengers are not a JSON object", extra={"org": org})
        return Accounts({})
    providers: dict[Provider, Account] = {name: _text_settings(value[name]) for name in PROVIDERS if name in value}
    texts = {name: _text_settings(value.get(name)) for name in ("n8n", "templates", "codeserver", "studio")}
    return Accounts(
        providers,
        texts["n8n"].get("secret"),
        texts["templates"],
        texts["codeserver"],
        texts["studio"].get("webhook_token"),
    )


def _text_settings(value: Any) -> dict[str, str]:
    """The settings as text: a chat's id is often written as a number."""
    if not isinstance(value, dict):
        return {}
    return {str(name): str(setting) for name, setting in value.items() if isinstance(setting, str | int)}
