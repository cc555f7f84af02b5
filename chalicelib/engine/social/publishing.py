"""Publishing posts on social platforms: the handler of their messages on the queue `notifications`.

A post is published at most once. What that needs is in domain/social/publishing.py: the delivery says that its outcome
is unknown before the request is sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.deliveries.delivery import Attempt, Delivery, Health
from chalicelib.domain.deliveries.receivers import PLATFORMS, Platform
from chalicelib.domain.social import publishing as rules
from chalicelib.domain.social.post import Post
from chalicelib.engine.deliveries import receiver_backoff
from chalicelib.engine.deliveries.attempt_queue import enqueue_wakeup, load_batch
from chalicelib.engine.deliveries.delivery_updates import Transition, apply_transition
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.social import accounts
from chalicelib.engine.social.accounts import SocialAccount
from chalicelib.observability import count, logger
from chalicelib.providers.social import Published, Undelivered, get_platform
from chalicelib.storage.deliveries import deliveries, receiver_health
from chalicelib.storage.deliveries.deliveries import Key

MAX_TRIES_WITH_WAKEUP = 3
"""Later attempts get no wakeup and are found by the sweep: Lambda stops queues that feed each other after 16 hops."""
NOT_CONNECTED = "the platform is not connected any more: connect it, then cross-post this post there"


class _Due(NamedTuple):
    """A due delivery with what its attempt needs."""

    delivery: Delivery
    platform: Platform
    post: Post
    account: SocialAccount
    health: Health


def is_post(message: Mapping[str, Any]) -> bool:
    """Whether a message of the queue is about a post."""
    return message["webhook"] in PLATFORMS


def publish_posts(messages: Sequence[Mapping[str, Any]]) -> list[Exception | None]:
    """Publish the posts that the messages are about. Returns for each message None when it is handled, or the error
    that stopped it.

    AWS calls: one for the batch, and for each post four, or one if it only waits. Two more at a platform in trouble.
    """
    batch, outcomes = load_batch(messages), dict[Key, Exception]()
    for delivery in batch.due:
        body = batch.data.bodies[delivery.org, delivery.event_id]
        try:
            _handle(delivery, body, batch.data.healths[delivery.org, delivery.receiver])
        except Exception as error:  # noqa: BLE001 - reported to the queue, message by message
            outcomes[Key.from_delivery(delivery)] = error
    return [outcomes.get(key) for key in batch.keys]


def _handle(delivery: Delivery, body: str, health: Health) -> None:
    if not body:
        _write(delivery, lambda latest: rules.given_up(latest, "the post is no longer kept"))
        return
    post = Post.from_json(body)
    [platform] = [platform for platform in PLATFORMS if platform == delivery.receiver]
    if post.due_at > clock.now():
        _write(delivery, lambda latest: rules.postponed(latest, post.due_at))
        return
    account = accounts.find(delivery.org, [platform]).get(platform)
    reason = _reason_to_give_up(delivery, platform, account)
    if reason is not None or account is None:
        count("PostGivenUp")
        _write(delivery, lambda latest: rules.given_up(latest, reason or NOT_CONNECTED))
    else:
        _publish_or_postpone(_Due(delivery, platform, post, account, health))


def _reason_to_give_up(delivery: Delivery, platform: Platform, account: SocialAccount | None) -> str | None:
    connected_at = account.connected_at if account is not None else clock.now()
    if not rules.is_repeatable(delivery, platform, clock.now(), connected_at):
        return rules.UNKNOWN
    if account is None:
        return NOT_CONNECTED
    return (delivery.reason or "its images cannot be uploaded") if delivery.tries >= rules.MAX_TRIES else None


def _publish_or_postpone(due: _Due) -> None:
    delivery = due.delivery
    wait = receiver_backoff.next_wait(delivery, due.health, rules.SPACING_MS)
    if wait is not None:
        _write(delivery, lambda latest: rules.postponed(latest, wait.until, is_scheduled=wait.is_scheduled))
        return
    claimed = _claim(delivery, rules.claimed(delivery, clock.now()))
    if claimed is not None:
        _publish(due._replace(delivery=claimed))


def _claim(old: Delivery, new: Delivery) -> Delivery | None:
    """The next version of the delivery; None where another process wrote first. One call."""
    claimed = replace(new, version=old.version + 1)
    return claimed if deliveries.replace_if_unchanged(old, claimed) is claimed else None


def _publish(due: _Due) -> None:
    """Prepare the post, say that its outcome is unknown, publish it, and say what came of it."""
    by, stopwatch = get_platform(due.platform), clock.stopwatch()
    try:
        draft = by.prepare(due.account.settings, due.post)
    except Undelivered as undelivered:
        _record_failure(due, undelivered, clock.now(), stopwatch, is_unknown=False)
        return
    at, stopwatch = clock.now(), clock.stopwatch()
    begun = _claim(due.delivery, rules.begun(due.delivery, at))
    if begun is None:
        return  # the post was deleted, or another process has taken it
    due = due._replace(delivery=begun)
    try:
        published = by.publish(draft)
    except Undelivered as undelivered:
        is_unknown = rules.is_unknown(undelivered.status, sent=undelivered.sent)
        _record_failure(due, undelivered, at, stopwatch, is_unknown=is_unknown)
    else:
        _record_success(due, published, at, stopwatch)


def _record_success(due: _Due, published: Published, at: int, stopwatch: float) -> None:
    """Write it over whatever another process wrote meanwhile."""
    count("PostPublished")
    attempt = Attempt(at=at, took_ms=_elapsed_ms(stopwatch))
    receipts = (published.id, *([published.url] if published.url else []))
    apply_transition(due.delivery, lambda latest: rules.published(latest, receipts, attempt), always=True)
    if due.health.is_troubled:
        receiver_health.record_recovery(due.delivery.org, due.platform, clock.now())


def _record_failure(due: _Due, undelivered: Undelivered, at: int, stopwatch: float, *, is_unknown: bool) -> None:
    """Write the result to the delivery first, then to the platform's health."""
    now, chance, took_ms = clock.now(), ids.fraction(), _elapsed_ms(stopwatch)
    reason = provider_accounts.redact(str(undelivered), due.account.settings)
    attempt = Attempt(at=at, took_ms=took_ms, status=undelivered.status, error=reason)

    def transition(latest: Delivery) -> Delivery:
        if is_unknown:
            return rules.unknown(latest, due.platform, now, chance)
        if undelivered.final:
            return rules.refused(latest, attempt)
        return rules.retried(latest, attempt, now, chance, undelivered.rest_ms or 0)

    stored = _write(due.delivery, transition)
    count("PostGivenUp" if stored.status == "failed" else "PostRefused")
    facts = {"org": stored.org, "platform": due.platform, "post": due.post.id, "status": undelivered.status}
    logger().warning("A post is not published", extra={**facts, "unknown": is_unknown})
    if undelivered.rest_ms:
        receiver_health.pause_until(stored.org, due.platform, now + undelivered.rest_ms)
    elif not undelivered.final:
        receiver_backoff.record_failure(stored.org, due.platform, took_ms, due.health)


def _write(delivery: Delivery, transition: Transition) -> Delivery:
    """Write the delivery's next state, and have one that is due later woken."""
    stored = apply_transition(delivery, transition)
    if stored.tries <= MAX_TRIES_WITH_WAKEUP:
        enqueue_wakeup(stored)
    return stored


def _elapsed_ms(stopwatch: float) -> int:
    return round((clock.stopwatch() - stopwatch) * clock.SECOND)
