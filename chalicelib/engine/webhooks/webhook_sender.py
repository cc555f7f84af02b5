"""Sending events to webhooks: one POST for each attempt, until the delivery succeeds or is given up."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.deliveries import delivery as rules
from chalicelib.domain.deliveries import signatures
from chalicelib.domain.deliveries.delivery import Attempt, Delivery, Health
from chalicelib.domain.document import Document
from chalicelib.engine.deliveries import receiver_backoff
from chalicelib.engine.deliveries.attempt_queue import enqueue_wakeup, load_batch
from chalicelib.engine.deliveries.delivery_updates import apply_transition
from chalicelib.engine.security import encryption
from chalicelib.engine.webhooks import endpoints
from chalicelib.observability import count, logger
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Response, Unreachable
from chalicelib.storage.deliveries import receiver_health
from chalicelib.storage.deliveries.deliveries import AttemptData, Key
from chalicelib.storage.documents import documents as document_storage

MAX_RESPONSE_BYTES = 65_536
"""How much of a response is read. Its status decides; the body is not kept."""
USER_AGENT = "Yardmaster-Webhooks/1.0"


class DueDelivery(NamedTuple):
    """A due delivery with what its attempt needs. The webhook may have been removed."""

    delivery: Delivery
    webhook: Document | None
    health: Health
    body: str


def send_events(messages: Sequence[Mapping[str, Any]]) -> list[Exception | None]:
    """Make the attempts that the messages ask for, in threads side by side. Returns for each message None when it is
    handled, or the error that stopped its attempt.

    AWS calls: one for the batch, one for each org in it, and one for each attempt; up to three more for an attempt that
    fails or that goes to a webhook in trouble.
    """
    batch = load_batch(messages)
    webhooks = _find_webhooks(batch.data.deliveries)
    with ThreadPoolExecutor(max_workers=max(1, len(batch.due))) as threads:
        errors = threads.map(lambda delivery: _try_send(_with_data(delivery, batch.data, webhooks)), batch.due)
        outcomes = dict(zip(map(Key.from_delivery, batch.due), errors, strict=True))
    return [outcomes.get(key) for key in batch.keys]


def _find_webhooks(keys: Iterable[Key]) -> dict[tuple[str, str], Document]:
    """The webhooks by org and id. One call for each org."""
    ids_by_org: dict[str, list[str]] = {}
    for key in keys:
        ids_by_org.setdefault(key.org, []).append(key.receiver)
    found = {org: document_storage.find_many(org, endpoints.KIND, wanted) for org, wanted in ids_by_org.items()}
    return {(org, webhook_id): webhook for org, webhooks in found.items() for webhook_id, webhook in webhooks.items()}


def _with_data(delivery: Delivery, data: AttemptData, webhooks: Mapping[tuple[str, str], Document]) -> DueDelivery:
    receiver = (delivery.org, delivery.receiver)
    body = data.bodies[delivery.org, delivery.event_id]
    return DueDelivery(delivery, webhooks.get(receiver), data.healths[receiver], body)


def _try_send(due: DueDelivery) -> Exception | None:
    try:
        _send_or_postpone(due)
    except Exception as error:  # noqa: BLE001 - reported to the queue, message by message
        return error
    return None


def _send_or_postpone(due: DueDelivery) -> None:
    reason = _reason_to_give_up(due)
    if reason is not None:
        apply_transition(due.delivery, lambda latest: rules.given_up(latest, reason))
    elif due.webhook is not None and not _postpone_if_troubled(due):
        _record_result(due, due.webhook, *_attempt(due, due.webhook))


def _reason_to_give_up(due: DueDelivery) -> str | None:
    if due.webhook is None:
        return "the webhook was removed"
    if not due.webhook.body["active"] and due.delivery.event != rules.TEST_EVENT:
        return "the webhook is not active"
    return None if due.body else "the event is no longer kept"


def _postpone_if_troubled(due: DueDelivery) -> bool:
    """Postpone the delivery, and return True, if its webhook is in trouble and this is not the time of its attempt.

    A webhook that does not answer therefore occupies few of the senders, and holds up no other webhook.
    """
    if due.delivery.event == rules.TEST_EVENT:
        return False
    wait = receiver_backoff.next_wait(due.delivery, due.health, rules.SPACING_MS)
    if wait is None:
        return False
    until, is_scheduled = wait
    reason = receiver_backoff.pause_reason(due.health)
    enqueue_wakeup(
        apply_transition(due.delivery, lambda latest: rules.postponed(latest, until, reason, is_scheduled=is_scheduled))
    )
    return True


def _attempt(due: DueDelivery, webhook: Document) -> tuple[Attempt, int]:
    """POST the event. Returns the attempt and for how many milliseconds the webhook asks for no requests."""
    at, stopwatch = clock.now(), clock.stopwatch()
    answer, error = _post(due, webhook)
    took_ms = round((clock.stopwatch() - stopwatch) * clock.SECOND)
    if answer is None:
        return Attempt(at=at, took_ms=took_ms, error=error), 0
    rest_ms = rules.retry_after_ms(answer.status, answer.headers, clock.now())
    return Attempt(at=at, took_ms=took_ms, status=answer.status), rest_ms


def _post(due: DueDelivery, webhook: Document) -> tuple[Response | None, str | None]:
    """The response, or why there is none."""
    body = due.body.encode()
    try:
        headers = _headers(due, webhook, body)
        return outbound.send(
            "POST",
            webhook.body["url"],
            headers=headers,
            body=body,
            timeout=rules.TIMEOUT_SECONDS,
            cap_bytes=MAX_RESPONSE_BYTES,
            needs_body=outbound.never,
        ), None
    except Unreachable as unreachable:
        return None, str(unreachable)
    except encryption.CannotUnseal:
        logger().error("A webhook's secret cannot be decrypted", extra={"webhook": webhook.id, "org": webhook.org})
        return None, "its secret can no longer be opened; rotate it"


def _headers(due: DueDelivery, webhook: Document, body: bytes) -> dict[str, str]:
    """The owner's own headers, overridden by those that the owner may not set."""
    now_s = clock.now() // clock.SECOND
    own = {name.lower(): value for name, value in webhook.body["headers"].items()}
    signed = signatures.signature_headers(endpoints.signing_secrets(webhook), due.delivery.event_id, now_s, body)
    return {"user-agent": USER_AGENT} | own | {"content-type": "application/json"} | signed


def _record_result(due: DueDelivery, webhook: Document, attempt: Attempt, rest_ms: int) -> None:
    """Write the attempt's result to the delivery first, then to the webhook's health."""
    is_success = rules.is_success(attempt)
    count("WebhookDelivered" if is_success else "WebhookFailed")
    if is_success:
        apply_transition(due.delivery, lambda latest: rules.delivered(latest, attempt), always=True)
    else:
        now, chance = clock.now(), ids.fraction()
        failed = apply_transition(due.delivery, lambda latest: rules.failed(latest, attempt, now, chance, rest_ms))
        enqueue_wakeup(failed)
    _record_health(webhook, due.health, attempt)


def _record_health(webhook: Document, health: Health, attempt: Attempt) -> None:
    is_failing, is_slow = not rules.is_success(attempt), attempt.took_ms >= rules.SLOW_MS
    if attempt.status == 410:
        endpoints.disable(webhook.org, webhook.id, webhook.body["url"], endpoints.GONE)
    elif is_slow and not is_failing:
        receiver_health.record_trouble(webhook.org, webhook.id, clock.now(), failing=False)
    elif is_failing:
        latest = receiver_backoff.record_failure(webhook.org, webhook.id, attempt.took_ms, health)
        if latest.failing_since is not None and clock.now() - latest.failing_since >= rules.DISABLE_AFTER_MS:
            endpoints.disable(webhook.org, webhook.id, webhook.body["url"], endpoints.FAILING)
    elif health.is_troubled:
        receiver_health.record_recovery(webhook.org, webhook.id, clock.now())
