"""Notifications: stored with a delivery for each provider, which engine/messaging/sender.py sends; and their status."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.deliveries import n8n_templates
from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.domain.deliveries.notification import (
    ALL,
    PROVIDERS,
    STATUS,
    Kind,
    Notification,
    Provider,
    Status,
    require_known,
)
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.messaging.provider_accounts import Accounts
from chalicelib.engine.security import cursors
from chalicelib.engine.tasks import payloads
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.engine.webhooks import delivery as posting
from chalicelib.errors import IdempotencyMismatch, NotConfigured, Unavailable
from chalicelib.storage.aws import sqs
from chalicelib.storage.deliveries import deliveries
from chalicelib.storage.deliveries import notifications as storage
from chalicelib.storage.deliveries.deliveries import Key

LONGEST = 20_000
"""Characters of a message: eleven messages of Discord's, or twenty-one if all of it has to be escaped."""
LARGEST_PAGE = 2_000_000
"""Characters of a page's messages, as JSON: an answer may have 6 MB, as JSON within JSON."""
LOOKED_AT = 500
"""A page of a filtered history ends after so many notifications, though it be short of its limit."""
COUNTED = 1_000
"""Messages that wait are counted so far in each wake shard."""
_AT_A_TIME = 100
_counted: TtlCache[str, "Waiting"] = TtlCache(5 * clock.SECOND)
_HINTS: Mapping[Provider, str] = {
    "telegram": "telegram.bot_token and telegram.chat_id",
    "whatsapp": "whatsapp.url and whatsapp.chat_id of a WAHA bridge, or whatsapp.access_token, "
    "whatsapp.phone_number_id and whatsapp.to of the Cloud API",
    "discord": "discord.webhook_url",
}


class Filter(NamedTuple):
    """Which notifications of a history; None takes all. Provider and status together mean that provider's status."""

    kind: Kind | None = None
    provider: Provider | None = None
    status: Status | None = None


class Shown(NamedTuple):
    """A notification and what became of it, by provider."""

    notification: Notification
    deliveries: Mapping[str, Delivery]
    """None of a provider that was not configured."""

    def status(self, provider: str) -> Status:
        """Of one that is among the deliveries."""
        return STATUS[self.deliveries[provider].status]


class Waiting(NamedTuple):
    """How many messages wait to be sent, all of them and those that are not due yet: which wait for their next try, or
    are being sent just now."""

    all: int
    later: int


class Page(NamedTuple):
    """One page of a history; `cursor` leads to the next, None after the last."""

    shown: list[Shown]
    cursor: str | None


def send(
    org: str,
    message: str,
    *,
    kind: Kind = "info",
    providers: Sequence[str] | None = None,
    source: str = "notify",
    key: str | None = None,
    body: Mapping[str, Any] | None = None,
) -> Notification:
    """Have a message sent through these providers, or through all that are configured; "all" names every provider.

    It is on its way once this returns; under an idempotency key, which is its sender's own (`idempotency.scoped`) and
    holds for a day, once only for each source: the key stands for the `body` that the message was made from, where
    there is one, else for the message. Two calls. Raises
    InvalidRequest for an unknown provider, NotConfigured when none of those asked for can be used, IdempotencyMismatch
    when the key came with something else before.
    """
    accounts = provider_accounts.of(org)
    made = _made(message, kind, source, _asked(providers, accounts), accounts)
    found = [_delivery(org, made, name) for name in PROVIDERS if made.providers.get(name) == "queued"]
    fingerprint = payloads.digest([message if body is None else body, kind, source, providers])
    known = storage.created(org, made, found, key and ids.derived("key", source, key), fingerprint)
    if known is None:
        with suppress(Unavailable):  # the sweep finds what no message was sent for
            posting.send(found)
        return made
    if known.fingerprint != fingerprint:
        raise IdempotencyMismatch("The Idempotency-Key was used before with another body")
    return storage.find(org, known.notification) or made


def send_hook(org: str, hook: n8n_templates.Name, body: Mapping[str, Any], key: str | None = None) -> Notification:
    """Have what n8n told sent through all that are configured, in the words of the hook's template or of the org's own.
    Raises as `send` does."""
    known = n8n_templates.HOOKS[hook]
    template = provider_accounts.of(org).templates.get(hook, known.template)
    return send(org, n8n_templates.worded(template, body), kind=known.kind, source=hook, key=key, body=body)


def waiting() -> Waiting | None:
    """About how many messages wait to be sent, one for each provider, believed for a few seconds; None while the queue
    or the table does not say. A call for each wake shard and one more."""
    known = _counted.get("")
    if known is not None:
        return known
    try:
        due, later = deliveries.waiting(clock.now(), COUNTED)
        # Each is a lower bound: the index is counted so far, and the queue hides what is being sent.
        return _counted.put("", Waiting(max(due, sqs.depth(settings().notifications_queue)) + later, later))
    except Unavailable:
        return None


def _asked(providers: Sequence[str] | None, accounts: Accounts) -> list[Provider]:
    require_known(providers or (), "providers")
    wanted = (
        accounts.configured if not providers else [name for name in PROVIDERS if name in providers or ALL in providers]
    )
    if not set(wanted) & set(accounts.configured):
        hints = "; or ".join(_HINTS[name] for name in wanted or PROVIDERS)
        raise NotConfigured(f"No messenger that was asked for is configured. Set, in MESSENGERS or SSM: {hints}")
    return wanted


def _made(message: str, kind: Kind, source: str, asked: Sequence[Provider], accounts: Accounts) -> Notification:
    usable = accounts.configured
    states: dict[str, Literal["queued", "not_configured"]] = {
        name: "queued" if name in usable else "not_configured" for name in asked
    }
    return Notification(ids.ordered(storage.PREFIX), kind, message, source, clock.now(), states)


def _delivery(org: str, made: Notification, name: Provider) -> Delivery:
    return Delivery(
        org=org,
        webhook=name,
        id=deliveries.identifier(made.created_at, made.id),
        event=made.kind,
        created_at=made.created_at,
        wake_at=made.created_at,
        expires_at=made.created_at + deliveries.RETENTION,
    )


# What became of them


def history(org: str, wanted: Filter, limit: int, cursor: str | None = None) -> Page:
    """The newest notifications that the filter takes, or those behind a cursor; no more than an answer can carry. For
    each hundred that are looked at one call, and one for each provider.

    Raises InvalidRequest for a cursor of another list.
    """
    bound = ("notifications", org, *wanted)
    before = cursors.read(cursor, *bound) if cursor is not None else None
    found: list[Shown] = []
    room = LARGEST_PAGE
    for looked, one in enumerate(_every(org, wanted, before, limit), 1):
        taken = _takes(wanted, one)
        room -= len(json.dumps(one.notification.message)) if taken else 0
        if len(found) == limit or looked > LOOKED_AT or (room < 0 and found):
            return Page(found, cursors.seal(str(before), *bound))
        before = one.notification.id
        found += [one] if taken else []
    return Page(found, None)


def _every(org: str, wanted: Filter, before: str | None, limit: int) -> Iterator[Shown]:
    """All notifications, newest first, read as they are asked for."""
    size = min(limit + 1, _AT_A_TIME) if wanted == Filter() else _AT_A_TIME
    while rows := storage.page(org, before, size):
        yield from _with_deliveries(org, rows)
        if len(rows) < size:
            return
        before = rows[-1].id


def _with_deliveries(org: str, rows: Sequence[Notification]) -> list[Shown]:
    keys = {(row.id, name): _key(org, row, name) for row in rows for name in PROVIDERS if name in row.providers}
    found = deliveries.by_key(keys.values())
    return [
        Shown(row, {name: found[key] for name in PROVIDERS if (key := keys.get((row.id, name))) in found})
        for row in rows
    ]


def _key(org: str, row: Notification, name: Provider) -> Key:
    return Key(org, name, deliveries.identifier(row.created_at, row.id))


def _takes(wanted: Filter, one: Shown) -> bool:
    asked = [wanted.provider] if wanted.provider is not None else list(one.deliveries)
    if wanted.kind not in (None, one.notification.kind) or not set(asked) <= set(one.deliveries):
        return False
    return wanted.status is None or any(one.status(name) == wanted.status for name in asked)
