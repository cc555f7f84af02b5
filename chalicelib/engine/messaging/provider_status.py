"""The state of an org's messengers: whether each can be used now, its tally, and the pairing of WhatsApp."""

from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

from chalicelib import clock
from chalicelib.domain.deliveries.receivers import PROVIDERS, Provider
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.messaging.provider_accounts import Accounts
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import NotConfigured, Unavailable
from chalicelib.providers.messengers import Account, Undelivered, get_messenger
from chalicelib.providers.messengers.waha import Waha
from chalicelib.storage.deliveries import notifications
from chalicelib.storage.deliveries.notifications import ProviderTally

CHECK_TTL_MS = clock.MINUTE
"""How long a check's result is cached: providers count checks as requests, too."""

PairingStatus = Literal[
    "connected", "awaiting_scan", "starting", "disconnected", "failed", "unreachable", "not_configured"
]
_PAIRING: dict[str, PairingStatus] = {
    "WORKING": "connected",
    "SCAN_QR_CODE": "awaiting_scan",
    "STARTING": "starting",
    "STOPPED": "disconnected",
}

_cached_checks: TtlCache[tuple[str, Provider], "Check"] = TtlCache(CHECK_TTL_MS)


class Check(NamedTuple):
    """The result of asking a provider; `error` says why it cannot be used."""

    at: int
    error: str | None = None


class ProviderState(NamedTuple):
    """The state of one provider. `check` is None while it is not configured."""

    name: Provider
    check: Check | None
    tally: ProviderTally


class PairingState(NamedTuple):
    """The pairing of WhatsApp's bridge, and the QR code while the bridge waits for a phone to scan it."""

    status: PairingStatus
    png: bytes | None = None


def list_states(org: str) -> list[ProviderState]:
    """The state of every provider. One AWS call, and one request to each provider not checked within a minute."""
    accounts, tallies = provider_accounts.get_accounts(org), notifications.find_tallies(org)
    with ThreadPoolExecutor(max_workers=len(PROVIDERS)) as threads:
        checks = list(threads.map(lambda name: _check(org, name, accounts), PROVIDERS))
    return [
        ProviderState(name, check, tallies.get(name, ProviderTally()))
        for name, check in zip(PROVIDERS, checks, strict=True)
    ]


def _check(org: str, name: Provider, accounts: Accounts) -> Check | None:
    if accounts.missing(name):
        return None
    cached = _cached_checks.get((org, name))
    return cached if cached is not None else _cached_checks.put((org, name), _ask(name, accounts.providers[name]))


def _ask(name: Provider, account: Account) -> Check:
    now = clock.now()
    try:
        get_messenger(name, account).check(account)
    except Undelivered as error:
        return Check(now, provider_accounts.redact(str(error), account))
    return Check(now)


def get_pairing(org: str) -> PairingState:
    """The pairing of WhatsApp; `not_configured` without a bridge: an account of the Cloud API is not paired here."""
    account = _bridge(org)
    if account is None:
        return PairingState("not_configured")
    try:
        pairing = Waha().pairing(account)
    except Undelivered:
        return PairingState("unreachable")
    return PairingState(_PAIRING.get(pairing.status, "failed"), pairing.png)


def log_out(org: str) -> None:
    """End the bridge's session. Raises NotConfigured without a bridge, Unavailable when the bridge does not end it."""
    account = _bridge(org)
    if account is None:
        raise NotConfigured("There is no WhatsApp bridge. Set, in MESSENGERS or SSM: whatsapp.url and whatsapp.chat_id")
    try:
        Waha().log_out(account)
    except Undelivered as error:
        reason = provider_accounts.redact(str(error), account)
        raise Unavailable(f"The WhatsApp bridge did not log out: {reason}") from None
    _cached_checks.remove((org, "whatsapp"))


def _bridge(org: str) -> Account | None:
    """The account of the WhatsApp bridge; None without one."""
    accounts = provider_accounts.get_accounts(org)
    account = accounts.providers.get("whatsapp", {})
    return None if "url" not in account or accounts.missing("whatsapp") else account
