"""Sending notifications through messengers: the handler of the queue `notifications`.

The deliveries of one batch to one provider are sent one after the other, those to several providers side by side. While
a provider is in trouble its attempts are scheduled one by one, so that a provider that does not answer occupies few of
the senders and holds up no other provider's messages.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.deliveries import notification as rules
from chalicelib.domain.deliveries.delivery import Attempt, Delivery, Health
from chalicelib.domain.deliveries.receivers import Provider
from chalicelib.engine.deliveries import receiver_backoff
from chalicelib.engine.deliveries.attempt_queue import enqueue_wakeup, load_batch
from chalicelib.engine.deliveries.delivery_updates import apply_transition
from chalicelib.engine.deliveries.receiver_backoff import Wait
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.messaging.provider_accounts import Accounts
from chalicelib.errors import Unavailable
from chalicelib.observability import count
from chalicelib.providers.messengers import Account, Messenger, Sent, Undelivered, get_messenger
from chalicelib.storage.deliveries import deliveries, notifications, receiver_health
from chalicelib.storage.deliveries.deliveries import AttemptData, Key

PROVIDER_SECONDS = 25
"""How long a provider's share of a batch is worked on; the rest is sent later. With a last call of ten seconds, all of
it fits into the function's time."""
MAX_VERSION_WITH_WAKEUP = 8
"""Later versions of a delivery get no wakeup and are found by the sweep: Lambda stops queues that feed each other, as a
runaway loop, after about 16 hops."""

Outcomes = dict[Key, Exception | None]


class _ProviderBatch(NamedTuple):
    """The due deliveries of one org to one provider, critical ones first, then the oldest."""

    org: str
    provider: Provider
    due: Sequence[Delivery]
    notifications: Mapping[str, str]
    """Notification id -> the stored notification."""
    accounts: Accounts
    health: Health

    @property
    def account(self) -> Account:
        return self.accounts.providers.get(self.provider, {})


class _Result(NamedTuple):
    """The delivery as it is stored after an attempt, the provider's last answer, and how long that took."""

    delivery: Delivery
    answer: Sent | Undelivered
    took_ms: int


def send_notifications(messages: Sequence[Mapping[str, Any]]) -> list[Exception | None]:
    """Make the attempts that the messages ask for. Returns for each message None when it is handled, or the error that
    stopped its attempt.

    AWS calls: one for the batch, and three for each delivery that is sent; at a provider in trouble up to three more.
    """
    batch = load_batch(messages)
    accounts, outcomes = _read_accounts(batch.due)
    due = [delivery for delivery in batch.due if delivery.org in accounts]
    provider_batches = list(_provider_batches(due, batch.data, accounts))
    with ThreadPoolExecutor(max_workers=max(1, len(provider_batches))) as threads:
        for errors in threads.map(_send_all, provider_batches):
            outcomes |= errors
    return [outcomes.get(key) for key in batch.keys]


def _read_accounts(due: Sequence[Delivery]) -> tuple[dict[str, Accounts], Outcomes]:
    """The accounts by org, and the errors of deliveries whose org's accounts cannot be read.

    They are read before any thread starts: once for all providers, and because several threads must not create boto's
    first client at once.
    """
    accounts, outcomes = dict[str, Accounts](), Outcomes()
    for org in sorted({delivery.org for delivery in due}):
        try:
            accounts[org] = provider_accounts.get_accounts(org)
        except Unavailable as error:
            outcomes |= {Key.from_delivery(delivery): error for delivery in due if delivery.org == org}
    return accounts, outcomes


def _provider_batches(
    due: Sequence[Delivery], data: AttemptData, accounts: Mapping[str, Accounts]
) -> Iterator[_ProviderBatch]:
    by_provider: dict[tuple[str, Any], list[Delivery]] = {}
    for delivery in sorted(due, key=lambda delivery: (delivery.event != "critical", delivery.id)):
        by_provider.setdefault((delivery.org, delivery.receiver), []).append(delivery)
    for (org, provider), own in by_provider.items():
        bodies = {delivery.event_id: data.bodies[org, delivery.event_id] for delivery in own}
        yield _ProviderBatch(org, provider, own, bodies, accounts[org], data.healths[org, provider])


def _send_all(batch: _ProviderBatch) -> Outcomes:
    """Send one after the other: each attempt tells more about the provider's health."""
    health, until, outcomes = batch.health, clock.now() + PROVIDER_SECONDS * clock.SECOND, Outcomes()
    for delivery in batch.due:
        try:
            health = _send_or_postpone(batch, delivery, health, until)
        except Exception as error:  # noqa: BLE001 - reported to the queue, message by message
            outcomes[Key.from_delivery(delivery)] = error
    return outcomes


def _send_or_postpone(batch: _ProviderBatch, delivery: Delivery, health: Health, until: int) -> Health:
    """Make the attempt if it may be made now. Returns the provider's health after it."""
    wait = _next_wait(delivery, health, until)
    if wait is not None:
        _postpone(delivery, *wait, receiver_backoff.pause_reason(health))
        return health
    claimed = replace(rules.claimed(delivery, clock.now()), version=delivery.version + 1)
    if deliveries.replace_if_unchanged(delivery, claimed) is not claimed:
        return health  # another sender claimed it
    return _record_result(batch, _send_parts(batch, claimed, until), health)


def _next_wait(delivery: Delivery, health: Health, until: int) -> Wait | None:
    """Until when it has to wait; None if an attempt may be made now. After `until`, and past its 24 hours, it waits for
    nothing: it is enqueued again at once, or given up."""
    now = clock.now()
    if now >= until or rules.is_overdue(delivery, now):
        return Wait(now, delivery.is_scheduled)
    return receiver_backoff.next_wait(delivery, health, rules.SPACING_MS, urgent=delivery.event == "critical")


def _postpone(delivery: Delivery, until: int, is_scheduled: bool, reason: str | None = None) -> None:
    stored = apply_transition(
        delivery, lambda latest: rules.postponed(latest, until, reason, is_scheduled=is_scheduled)
    )
    _follow_up_unsent(delivery, stored)


def _send_parts(batch: _ProviderBatch, claimed: Delivery, until: int) -> _Result:
    """Send the parts that are not acknowledged yet, as long as there is time. Each receipt is stored before the next
    part is sent."""
    latest, stopwatch = claimed, clock.stopwatch()
    try:
        by = _configured_messenger(batch)
        parts = by.split(notifications.parse(batch.notifications[claimed.event_id]).text)
        while True:
            stopwatch = clock.stopwatch()
            sent = by.send(batch.account, parts[len(latest.receipts)])
            took_ms = _elapsed_ms(stopwatch)
            latest = _store_receipt(latest, sent.id, len(parts), took_ms)
            if latest.status != "pending" or sent.rest_ms or clock.now() >= until:
                return _Result(latest, sent, took_ms)
    except Undelivered as undelivered:
        return _Result(latest, undelivered, _elapsed_ms(stopwatch))


def _configured_messenger(batch: _ProviderBatch) -> Messenger:
    missing = batch.accounts.missing(batch.provider)
    if missing:
        raise Undelivered(f"not configured any more: {', '.join(missing)}")
    return get_messenger(batch.provider, batch.account)


def _elapsed_ms(stopwatch: float) -> int:
    return round((clock.stopwatch() - stopwatch) * clock.SECOND)


def _store_receipt(delivery: Delivery, receipt: str, parts: int, took_ms: int) -> Delivery:
    """Store it over whatever another process wrote meanwhile: a part that has arrived is not sent again."""
    attempt = Attempt(at=clock.now(), took_ms=took_ms)
    return apply_transition(delivery, lambda latest: rules.acknowledged(latest, receipt, parts, attempt), always=True)


def _record_result(batch: _ProviderBatch, result: _Result, health: Health) -> Health:
    """Write the result to the delivery first, then to the provider's health, which is returned."""
    count("NotificationRefused" if isinstance(result.answer, Undelivered) else "NotificationSent")
    if isinstance(result.answer, Undelivered):
        _record_failure(batch, result, result.answer)
    elif result.delivery.status == "pending":
        _postpone(result.delivery, clock.now() + (result.answer.rest_ms or 0), is_scheduled=True)
    else:
        notifications.record_outcome(batch.org, batch.provider, clock.now())
    return _record_health(batch, result, health)


def _record_failure(batch: _ProviderBatch, result: _Result, undelivered: Undelivered) -> None:
    reason = provider_accounts.redact(str(undelivered), batch.account)
    now, chance = clock.now(), ids.fraction()
    attempt = Attempt(at=now, took_ms=result.took_ms, status=undelivered.status, error=reason)

    def transition(latest: Delivery) -> Delivery:
        if undelivered.rest_ms:
            return rules.throttled(latest, attempt, now + undelivered.rest_ms)
        return rules.failed(latest, attempt, now, chance, final=undelivered.final)

    stored = apply_transition(result.delivery, transition)
    if stored.status == "pending":
        notifications.record_outcome(batch.org, batch.provider, now, error=reason, ended=False)
    _follow_up_unsent(result.delivery, stored)


def _follow_up_unsent(before: Delivery, stored: Delivery) -> None:
    """Count a delivery that was given up, and have one that is due later woken."""
    if stored.status == "failed" and stored.version == before.version + 1:
        count("NotificationGivenUp")
        notifications.record_outcome(stored.org, stored.receiver, clock.now(), error=stored.reason)
    if stored.version <= MAX_VERSION_WITH_WAKEUP:
        enqueue_wakeup(stored)


def _record_health(batch: _ProviderBatch, result: _Result, health: Health) -> Health:
    answer, now = result.answer, clock.now()
    if answer.rest_ms:
        return receiver_health.pause_until(batch.org, batch.provider, now + answer.rest_ms)
    if isinstance(answer, Undelivered) and not answer.final:
        return receiver_backoff.record_failure(batch.org, batch.provider, result.took_ms, health)
    if result.took_ms >= rules.SLOW_MS:
        return receiver_health.record_trouble(batch.org, batch.provider, now, failing=False)
    if not health.is_troubled:
        return health
    return receiver_health.record_recovery(batch.org, batch.provider, now)
