"""An org's accounts with social platforms: one with each. Their credentials are sealed, and no API shows them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from chalicelib import clock
from chalicelib.domain.deliveries.receivers import PLATFORMS, Platform
from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.security import encryption, long_call_slots
from chalicelib.engine.security.encryption import CannotUnseal
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import InvalidRequest, NotConfigured, Unavailable
from chalicelib.providers.http import outbound
from chalicelib.providers.social import Account, Profile, Undelivered, get_platform
from chalicelib.storage.documents import documents as storage

KIND = "social-account"
MAX_AT_ONCE = 10
"""Requests of one org to platforms: those that hang must not occupy every function."""
CALL_SECONDS = 25
"""The longest that a request here waits for platforms."""
PROFILE_TTL_MS = 5 * clock.MINUTE
"""How long a platform's figures are cached: platforms count these requests, too."""
URL_SETTINGS = ("instance", "service")
_REFUSALS = frozenset({400, 401, 403, 404})

T = TypeVar("T")
_cached: TtlCache[tuple[str, Platform, int], "Profile | str"] = TtlCache(PROFILE_TTL_MS)
"""By org, platform and when it was connected: the profile, or why there is none."""


class SocialAccount(NamedTuple):
    """A connected account."""

    platform: Platform
    name: str
    connected_at: int
    settings: Account
    """The credentials, and what the platform said of the account when it was connected."""

    @property
    def max_length(self) -> int | None:
        """The characters that the account's own server takes, where it says so."""
        text = self.settings.get("max_length", "")
        return int(text) if text.isdecimal() else None


class PlatformState(NamedTuple):
    """A platform, and the org's account with it. `followers` is None where the platform does not say."""

    platform: Platform
    name: str | None = None
    followers: int | None = None
    error: str | None = None
    """Why the platform does not answer for the account."""
    connected_at: int | None = None

    @property
    def is_connected(self) -> bool:
        return self.name is not None


def connect(org: str, platform: Platform, credentials: Mapping[str, str], by: str) -> PlatformState:
    """Connect an account in the place of the earlier one, if the platform accepts its credentials. Five calls.

    Raises InvalidRequest for credentials that are incomplete or refused, Unavailable when the platform does not answer.
    """
    chosen = _require_complete(platform, credentials)
    try:
        with slot(org):
            profile = get_platform(platform).verify(chosen)
    except Undelivered as undelivered:
        raise _not_verified(platform, undelivered, chosen) from None
    body = {
        "name": profile.name,
        "facts": dict(profile.facts),
        "sealed": encryption.seal(json.dumps(chosen), _context(org, platform)),
        "connected_at": clock.now(),
    }
    documents.put(org, KIND, platform, lambda _: body, by=by)
    return PlatformState(platform, profile.name, profile.followers)


def _require_complete(platform: Platform, credentials: Mapping[str, str]) -> dict[str, str]:
    """The known ones of the credentials, if one set of them is complete."""
    by = get_platform(platform)
    filled = {name: value for name, value in credentials.items() if value}
    complete = next((names for names in by.credentials if set(names) <= set(filled)), None)
    if complete is None:
        needed = " or ".join(", ".join(names) for names in by.credentials)
        problem = f"{platform} needs {needed}"
        raise InvalidRequest(f"credentials: {problem}", fields={"credentials": problem})
    chosen = {name: filled[name] for name in (*complete, *by.options) if name in filled}
    return chosen | {name: _usable_url(name, chosen[name]) for name in URL_SETTINGS if name in chosen}


def _usable_url(name: str, text: str) -> str:
    """The address of a server; https where only its host is given."""
    url = (text if "://" in text else f"https://{text}").rstrip("/")
    try:
        outbound.check_url(url)
    except InvalidRequest as error:
        field = f"credentials.{name}"
        raise InvalidRequest(f"{field}: {error.message}", fields={field: error.message}) from None
    return url


def _not_verified(platform: Platform, undelivered: Undelivered, settings: Account) -> InvalidRequest | Unavailable:
    reason = provider_accounts.redact(str(undelivered), settings)
    if undelivered.status in _REFUSALS:
        problem = f"{platform} does not accept them: {reason}"
        return InvalidRequest(f"credentials: {problem}", fields={"credentials": problem})
    return Unavailable(f"{platform} does not answer: {reason}")


def disconnect(org: str, platform: str) -> None:
    """Delete an account and its credentials. Posts that wait for it fail when they are due. Two calls. Raises NotFound
    for a platform that is not connected."""
    documents.delete(org, KIND, platform)


def find(org: str, platforms: Sequence[Platform]) -> dict[Platform, SocialAccount]:
    """Those of the accounts that are connected. One call."""
    found = storage.find_many(org, KIND, platforms)
    accounts = ((platform, _read(found[platform], platform)) for platform in platforms if platform in found)
    return {platform: account for platform, account in accounts if account is not None}


def require(org: str, platforms: Sequence[Platform]) -> dict[Platform, SocialAccount]:
    """As `find`. Raises NotConfigured, which names the platforms that are not connected."""
    accounts = find(org, platforms)
    missing = [platform for platform in platforms if platform not in accounts]
    if missing:
        names = ", ".join(missing)
        raise NotConfigured(f"Not connected: {names}. Connect an account with POST /api/social/connect.")
    return accounts


def _read(document: Document, platform: Platform) -> SocialAccount | None:
    """The account; None where its credentials can no longer be opened: it has to be connected again."""
    body = document.body
    try:
        credentials = json.loads(encryption.unseal(body["sealed"], _context(document.org, platform)))
    except CannotUnseal:
        return None
    return SocialAccount(platform, body["name"], body["connected_at"], {**body["facts"], **credentials})


def list_states(org: str) -> list[PlatformState]:
    """Every platform. One call; where figures are not cached two more, and the platforms are asked side by side."""
    accounts = find(org, PLATFORMS)
    wanted = [account for account in accounts.values() if _cached.get(_cache_key(org, account)) is None]
    if wanted:
        with slot(org), ThreadPoolExecutor(max_workers=len(wanted)) as threads:
            profiles = list(threads.map(_ask_profile, wanted))
        for account, profile in zip(wanted, profiles, strict=True):
            _cached.put(_cache_key(org, account), profile)
    return [_state(org, platform, accounts.get(platform)) for platform in PLATFORMS]


def _cache_key(org: str, account: SocialAccount) -> tuple[str, Platform, int]:
    return org, account.platform, account.connected_at


def _ask_profile(account: SocialAccount) -> Profile | str:
    try:
        return get_platform(account.platform).verify(account.settings)
    except Undelivered as undelivered:
        return provider_accounts.redact(str(undelivered), account.settings)


def _state(org: str, platform: Platform, account: SocialAccount | None) -> PlatformState:
    if account is None:
        return PlatformState(platform)
    profile = _cached.get(_cache_key(org, account))
    if isinstance(profile, Profile):
        return PlatformState(platform, profile.name, profile.followers, connected_at=account.connected_at)
    return PlatformState(platform, account.name, error=profile, connected_at=account.connected_at)


def ask(org: str, account: SocialAccount, question: Callable[[], T]) -> T:
    """The answer of a platform. Two calls. Raises Unavailable where there is none, and TooManyRequests."""
    try:
        with slot(org):
            return question()
    except Undelivered as undelivered:
        reason = provider_accounts.redact(str(undelivered), account.settings)
        raise Unavailable(f"{account.platform} does not answer: {reason}") from None


@contextmanager
def slot(org: str) -> Iterator[None]:
    """Around requests to platforms that a caller waits for. Two calls. Raises TooManyRequests."""
    with long_call_slots.hold_required_slot(org, "social", MAX_AT_ONCE, CALL_SECONDS):
        yield


def _context(org: str, platform: Platform) -> str:
    return f"{org}#social#{platform}"
