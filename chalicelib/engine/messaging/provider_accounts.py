"""What an org has with messengers: its accounts, and what n8n's hooks are told by. They are read where secrets are, and
shown to nobody."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.deliveries.notification import PROVIDERS, Provider
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.observability import logger
from chalicelib.providers.messengers import Account, missing
from chalicelib.storage.aws import ssm

KEPT = clock.MINUTE
_PARAMETER = re.compile(r"[\w.-]{1,128}", re.ASCII)
"""What SSM lets a parameter be called."""
LONGEST_REASON = 200
_REDACTED = "***"
_SHORTEST, _SHORTEST_PIECE = 6, 12
"""Characters of a setting, and of a piece of one, that could tell anybody anything; shorter ones may be plain words."""
_PIECES = re.compile(r"[/:?=&@]")

_known: TtlCache[str, "Accounts"] = TtlCache(KEPT)


class Accounts(NamedTuple):
    """Of one org. A provider that lacks a setting is not configured."""

    providers: Mapping[Provider, Account]
    n8n_secret: str | None = None
    templates: Mapping[str, str] = {}
    """Name of an n8n hook -> how its notification reads."""

    def missing(self, name: Provider) -> list[str]:
        """What has to be set before the provider can be used."""
        return missing(name, self.providers.get(name, {}))

    @property
    def configured(self) -> list[Provider]:
        """The providers that can be used."""
        return [name for name in PROVIDERS if not self.missing(name)]


def of(org: str) -> Accounts:
    """The org's accounts, remembered for a minute. Raises Unavailable where SSM does not answer."""
    return _known.get(org) or _known.put(org, _parsed(org, _read(org)))


def redacted(text: str, account: Account) -> str:
    """What a provider said, cut to `LONGEST_REASON` characters, without anything that the account consists of, nor the
    long pieces of a URL or a token: it may repeat what it was sent."""
    pieces = {piece for value in account.values() for piece in _PIECES.split(value) if len(piece) >= _SHORTEST_PIECE}
    found = pieces | {value for value in account.values() if len(value) >= _SHORTEST}
    for one in sorted(found, key=len, reverse=True):
        text = text.replace(one, _REDACTED)
    return text[:LONGEST_REASON]  # only now: part of a secret would not be known for one


def _read(org: str) -> Any:
    try:
        said = json.loads(settings().messengers or "{}")
        if org in said or not settings().secrets_parameter or not _PARAMETER.fullmatch(org):
            return said.get(org, {})
        return json.loads(ssm.find_parameter(f"{settings().secrets_parameter}/messengers/{org}") or "{}")
    except (ValueError, TypeError, AttributeError):
        # Not the error itself: it might quote what it could not read.
        logger().error("An org's messengers are not a JSON object", extra={"org": org})
        return {}


def _parsed(org: str, said: Any) -> Accounts:
    if not isinstance(said, dict):
        logger().error("An org's messengers are not a JSON object", extra={"org": org})
        return Accounts({})
    providers: dict[Provider, Account] = {name: _texts(said.get(name)) for name in PROVIDERS if name in said}
    return Accounts(providers, _texts(said.get("n8n")).get("secret"), _texts(said.get("templates")))


def _texts(found: Any) -> dict[str, str]:
    """A chat's id is often written as a number."""
    if not isinstance(found, dict):
        return {}
    return {str(name): str(value) for name, value in found.items() if isinstance(value, str | int)}
