"""Notifications: stored with a delivery for each provider, which engine/messaging/notification_sender.py sends; and
their history."""

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
    STATUS_BY_DELIVERY,
    Kind,
    Notification,
    Status,
    require_known,
)
from chalicelib.domain.deliveries.receivers import PROVIDERS, Provider
from chalicelib.engine.deliveries.attempt_queue import enqueue_attempts
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.messaging.provider_accounts import Accounts
from chalicelib.engine.security import cursors
from chalicelib.engine.tasks import payloads
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import IdempotencyMismatch, NotConfigured, Unavailable
from chalicelib.storage.aws import sqs
from chalicelib.storage.deliveries import deliveries
from chalicelib.storage.deliveries import notifications as storage
from chalicelib.storage.deliveries.deliveries import Key
from chalicelib.storage.deliveries.notifications import KeyUse

MAX_MESSAGE_LENGTH = 20_000
"""Characters of a message: eleven messages of Discord's, or twenty-one if every character has to be escaped."""
MAX_PAGE_CHARACTERS = 2_000_000
"""Of a page's messages, as JSON. A Lambda response may have 6 MB, and carries the page as JSON within JSON."""
MAX_EXAMINED = 500
"""A page of a filtered history ends after this many notifications, even when it has fewer than its limit."""
MAX_COUNTED = 1_000
"""Waiting messages are counted up to this number in each wake shard."""
_READ_AT_ONCE = 100
_waiting: TtlCache[str, "Waiting"] = TtlCache(5 * clock.SECOND)
_REQUIRED_SETTINGS: Mapping[Provider, str] = {
    "telegram": "telegram.bot_token and telegram.chat_id",
    "whatsapp": "whatsapp.url and whatsapp.chat_id of a WAHA bridge, or whatsapp.access_token, "
    "whatsapp.phone_number_id and whatsapp.to of the Cloud API",
    "discord": "discord.webhook_url",
}


class Filter(NamedTuple):
    """Which notifications of a history are listed; None means any. With a provider, the status is that provider's."""

    kind: Kind | None = None
    provider: Provider | None = None
    status: Status | None = None


class NotificationState(NamedTuple):
    """A notification and its deliveries by provider."""

    notification: Notification
    deliveries: Mapping[str, Delivery]
    """A provider that was not configured has none."""

    def status(self, provider: str) -> Status:
        """The status at a provider that has a delivery."""
        return STATUS_BY_DELIVERY[self.deliveries[provider].status]


class Waiting(NamedTuple):
    """How many messages wait to be sent, and how many of these are not due yet: they wait for a retry, or are being
    sent now."""

    total: int
    not_due: int


class Page(NamedTuple):
    """One page of a history; `cursor` leads to the next page, None after the last."""

    notifications: list[NotificationState]
    cursor: str | None


def enqueue_notification(
    org: str,
    message: str,
    *,
    kind: Kind = "info",
    providers: Sequence[str] | None = None,
    source: str = "notify",
    key: str | None = None,
    body: Mapping[str, Any] | None = None,
) -> Notification:
    """Store a notification and enqueue it for these providers, or for all that are configured; "all" names every
    provider. Two calls.

    An idempotency key (`idempotency.scoped_key`, the caller's own) makes repetitions within 24 hours from the same
    `source` return the first notification. A repetition must have the same `body`, or without one the same message.

    Raises InvalidRequest for an unknown provider, NotConfigured when none of the requested providers is configured, and
    IdempotencyMismatch when the key was used with other content.
    """
    accounts, scoped_key = provider_accounts.get_accounts(org), key and ids.derived("key", source, key)
    fingerprint = payloads.digest([message if body is None else body, kind, source, providers])
    try:
        chosen = _choose_providers(providers, accounts)
    except NotConfigured:
        repeated = _find_repeated(org, scoped_key, fingerprint)
        if repeated is None:
            raise
        return repeated
    notification = _build(message, kind, source, chosen, accounts)
    queued = [name for name in PROVIDERS if notification.providers.get(name) == "queued"]
    new_deliveries = [_build_delivery(org, notification, name) for name in queued]
    earlier_use = storage.create(org, notification, new_deliveries, scoped_key, fingerprint)
    if earlier_use is None:
        with suppress(Unavailable):  # the sweep enqueues what this call could not
            enqueue_attempts(new_deliveries)
        return notification
    return _find_used(org, earlier_use, fingerprint) or notification


def _find_repeated(org: str, key: str | None, fingerprint: str) -> Notification | None:
    """The notification that the same request made before, whatever is configured by now."""
    earlier_use = storage.find_key_use(org, key) if key is not None else None
    return None if earlier_use is None else _find_used(org, earlier_use, fingerprint)


def _find_used(org: str, earlier_use: KeyUse, fingerprint: str) -> Notification | None:
    if earlier_use.fingerprint != fingerprint:
        raise IdempotencyMismatch("The Idempotency-Key was used before with another body")
    return storage.find(org, earlier_use.notification_id)


def enqueue_hook_notification(
    org: str, hook: n8n_templates.HookName, body: Mapping[str, Any], key: str | None = None
) -> Notification:
    """Enqueue what an n8n hook sent for all configured providers, as text of the hook's template or of the org's own.
    Raises as `enqueue_notification` does."""
    defaults = n8n_templates.HOOKS[hook]
    template = provider_accounts.get_accounts(org).templates.get(hook, defaults.template)
    message = n8n_templates.render(template, body)
    return enqueue_notification(org, message, kind=defaults.kind, source=hook, key=key, body=body)


def count_waiting() -> Waiting | None:
    """About how many messages of all orgs wait to be sent, one for each provider, cached for five seconds; None while
    the queue or the table does not answer. One call for each wake shard, and one more."""
    cached = _waiting.get("")
    if cached is not None:
        return cached
    try:
        due, not_due = deliveries.count_waiting(clock.now(), MAX_COUNTED)
        # Each is a lower bound: the index is counted up to a limit, and the queue does not count what is being sent.
        total = max(due, sqs.depth(settings().notifications_queue)) + not_due
        return _waiting.put("", Waiting(total, not_due))
    except Unavailable:
        return None


def _choose_providers(requested: Sequence[str] | None, accounts: Accounts) -> list[Provider]:
    require_known(requested or (), "providers")
    chosen = (
        accounts.configured if not requested else [name for name in PROVIDERS if name in requested or ALL in requested]
    )
    if not set(chosen) & set(accounts.configured):
        hints = "; or ".join(_REQUIRED_SETTINGS[name] for name in chosen or PROVIDERS)
        raise NotConfigured(f"No messenger that was asked for is configured. Set, in MESSENGERS or SSM: {hints}")
    return chosen


def _build(message: str, kind: Kind, source: str, chosen: Sequence[Provider], accounts: Accounts) -> Notification:
    configured = accounts.configured
    states: dict[str, Literal["queued", "not_configured"]] = {
        name: "queued" if name in configured else "not_configured" for name in chosen
    }
    return Notification(ids.ordered(storage.ID_PREFIX), kind, message, source, clock.now(), states)


def _build_delivery(org: str, notification: Notification, provider: Provider) -> Delivery:
    return Delivery(
        org=org,
        receiver=provider,
        id=deliveries.delivery_id(notification.created_at, notification.id),
        event=notification.kind,
        created_at=notification.created_at,
        wake_at=notification.created_at,
        expires_at=notification.created_at + deliveries.RETENTION_MS,
    )


# History


def list_history(org: str, wanted: Filter, limit: int, cursor: str | None = None) -> Page:
    """The newest notifications that the filter takes, or those after a cursor; no more than a response can carry. One
    call for each hundred notifications that are examined, and one for their deliveries.

    Raises InvalidRequest for a cursor of another list.
    """
    bound = ("notifications", org, *wanted)
    before = cursors.read(cursor, *bound) if cursor is not None else None
    page: list[NotificationState] = []
    characters_left = MAX_PAGE_CHARACTERS
    for examined, state in enumerate(_newest_first(org, wanted, before, limit), 1):
        is_listed = _matches(wanted, state)
        characters_left -= len(json.dumps(state.notification.message)) if is_listed else 0
        if len(page) == limit or examined > MAX_EXAMINED or (characters_left < 0 and page):
            return Page(page, cursors.seal(str(before), *bound))
        before = state.notification.id
        page += [state] if is_listed else []
    return Page(page, None)


def _newest_first(org: str, wanted: Filter, before: str | None, limit: int) -> Iterator[NotificationState]:
    """All notifications with their deliveries, read a batch at a time as they are needed."""
    size = min(limit + 1, _READ_AT_ONCE) if wanted == Filter() else _READ_AT_ONCE
    while rows := storage.list_page(org, before, size):
        yield from _with_deliveries(org, rows)
        if len(rows) < size:
            return
        before = rows[-1].id


def _with_deliveries(org: str, rows: Sequence[Notification]) -> list[NotificationState]:
    keys = {
        (row.id, name): _delivery_key(org, row, name) for row in rows for name in PROVIDERS if name in row.providers
    }
    found = deliveries.find_by_key(keys.values())
    return [
        NotificationState(row, {name: found[key] for name in PROVIDERS if (key := keys.get((row.id, name))) in found})
        for row in rows
    ]


def _delivery_key(org: str, notification: Notification, provider: Provider) -> Key:
    return Key(org, provider, deliveries.delivery_id(notification.created_at, notification.id))


def _matches(wanted: Filter, state: NotificationState) -> bool:
    providers = [wanted.provider] if wanted.provider is not None else list(state.deliveries)
    if wanted.kind not in (None, state.notification.kind) or not set(providers) <= set(state.deliveries):
        return False
    return wanted.status is None or any(state.status(name) == wanted.status for name in providers)
