"""How an org's messengers are doing: whether each can be used now, what it has done, and how far WhatsApp is paired."""

from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

from chalicelib import clock
from chalicelib.domain.deliveries.notification import PROVIDERS, Provider
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.messaging.provider_accounts import Accounts
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import NotConfigured, Unavailable
from chalicelib.providers.messengers import Account, Undelivered, messenger
from chalicelib.providers.messengers.waha import Waha
from chalicelib.storage.deliveries import notifications
from chalicelib.storage.deliveries.notifications import Tally

CHECKED = clock.MINUTE
"""So long a process believes what a check found, in milliseconds: providers count them, too."""

PairingStatus = Literal[
    "connected", "awaiting_scan", "starting", "disconnected", "failed", "unreachable", "not_configured"
]
_PAIRING: dict[str, PairingStatus] = {
    "WORKING": "connected",
    "SCAN_QR_CODE": "awaiting_scan",
    "STARTING": "starting",
    "STOPPED": "disconnected",
}

_checked: TtlCache[tuple[str, Provider], "Check"] = TtlCache(CHECKED)


class Check(NamedTuple):
    """What was found when a provider was asked; `error` says why it cannot be used."""

    at: int
    error: str | None = None


class State(NamedTuple):
    """One provider of an org. `check` is None while it is not configured."""

    name: Provider
    check: Check | None
    tally: Tally


class Paired(NamedTuple):
    """How far WhatsApp's bridge is, and the picture that a phone has to scan, if it is due."""

    status: PairingStatus
    png: bytes | None = None


def states(org: str) -> list[State]:
    """Every provider. One call, and one to each provider that was not asked within a minute."""
    accounts, tallies = provider_accounts.of(org), notifications.tallies(org)
    with ThreadPoolExecutor(max_workers=len(PROVIDERS)) as threads:
        checks = list(threads.map(lambda name: _check(org, name, accounts), PROVIDERS))
    return [State(name, check, tallies.get(name, Tally())) for name, check in zip(PROVIDERS, checks, strict=True)]


def _check(org: str, name: Provider, accounts: Accounts) -> Check | None:
    if accounts.missing(name):
        return None
    known = _checked.get((org, name))
    return known if known is not None else _checked.put((org, name), _asked(name, accounts.providers[name]))


def _asked(name: Provider, account: Account) -> Check:
    now = clock.now()
    try:
        messenger(name, account).check(account)
    except Undelivered as error:
        return Check(now, provider_accounts.redacted(str(error), account))
    return Check(now)


def pairing(org: str) -> Paired:
    """How far WhatsApp is; `not_configured` without a bridge, since the Cloud API is paired elsewhere."""
    account = _bridge(org)
    if account is None:
        return Paired("not_configured")
    try:
        found = Waha().pairing(account)
    except Undelivered:
        return Paired("unreachable")
    return Paired(_PAIRING.get(found.status, "failed"), found.png)


def log_out(org: str) -> None:
    """End the bridge's session. Raises NotConfigured without one, Unavailable when it does not do so."""
    account = _bridge(org)
    if account is None:
        raise NotConfigured("There is no WhatsApp bridge. Set, in MESSENGERS or SSM: whatsapp.url and whatsapp.chat_id")
    try:
        Waha().log_out(account)
    except Undelivered as error:
        reason = provider_accounts.redacted(str(error), account)
        raise Unavailable(f"The WhatsApp bridge did not log out: {reason}") from None
    _checked.remove((org, "whatsapp"))


def _bridge(org: str) -> Account | None:
    """The account of a bridge, if that is how the org reaches WhatsApp."""
    accounts = provider_accounts.of(org)
    account = accounts.providers.get("whatsapp", {})
    return None if "url" not in account or accounts.missing("whatsapp") else account
