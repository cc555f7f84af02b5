"""Deliveries: each event is written down once with a delivery for each webhook that asked for it, and then posted,
attempt by attempt, until it arrived or was given up.

A message on the queue names a delivery and the version that it is about: once an attempt is written down, every other
message about the version before is stale, so that what was acknowledged is not sent again. What is due later comes by
wake_at: a wakeup within 15 minutes, and the sweep in any case.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.changes.effects import Wakeup, WakeupKind
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.domain.deliveries import delivery as rules
from chalicelib.domain.deliveries import json_stringify, notification, signatures
from chalicelib.domain.deliveries.delivery import Attempt, Delivery, Health
from chalicelib.domain.deliveries.notification import PROVIDERS
from chalicelib.domain.document import Document
from chalicelib.engine.changes import queue_messages
from chalicelib.engine.deliveries import receiver_backoff
from chalicelib.engine.security import encryption
from chalicelib.engine.webhooks import endpoints
from chalicelib.observability import count, logger
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Answer, Unreachable
from chalicelib.storage.aws import dynamodb, sqs
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.aws.sqs import Message
from chalicelib.storage.deliveries import deliveries as storage
from chalicelib.storage.deliveries import endpoint_health
from chalicelib.storage.deliveries.deliveries import Key, Load
from chalicelib.storage.documents import documents as document_storage

"""The kind of a delivery's wakeups."""
ANSWER_BYTES = 65_536
"""How much is read of what a receiver says: its status decides, and the rest is not kept."""
LARGEST_BODY = 20_000
"""Bytes, as Standard Webhooks advises; of what is larger the longest members are left out."""
USER_AGENT = "Yardmaster-Webhooks/1.0"


class Post(NamedTuple):
    """One attempt to be made: all that it takes."""

    delivery: Delivery
    webhook: Document | None
    health: Health
    body: str


# Events


def publish(org: str, facts: Sequence[PublicEvent]) -> None:
    """Write down each fact and a delivery of it for each webhook of the org that asked for its topic, and have them
    posted. Again, it changes nothing, and stale messages harm nobody."""
    found = endpoints.every(org) if facts else []
    made = [one for fact in facts for one in _published(fact, endpoints.wanting(found, fact.topic))]
    send(made)


def _published(fact: PublicEvent, wanting: Sequence[Document]) -> list[Delivery]:
    if not wanting:
        return []
    made = [delivery_of(fact, webhook) for webhook in wanting]
    try:
        dynamodb.commit(*storage.created(fact.org, fact.id, body_of(fact), made))
    except ConditionFailed:
        return _known(made)
    return made


def _known(made: Sequence[Delivery]) -> list[Delivery]:
    """Those of an event that was written down before that have not been tried yet: their message may be lost."""
    return [one for one in storage.by_key(map(key_of, made)).values() if one.version == 1]


def delivery_of(fact: PublicEvent, webhook: Document) -> Delivery:
    """The delivery of a fact to a webhook: always the same one."""
    now = clock.now()
    return Delivery(
        org=fact.org,
        webhook=webhook.id,
        id=storage.identifier(fact.at, fact.id),
        event=fact.topic,
        created_at=now,
        wake_at=now,
        expires_at=now + storage.RETENTION,
    )


def body_of(fact: PublicEvent) -> str:
    """What is posted (coordinaitor.md, "Webhook Payload"), as JSON that JavaScript writes back byte by byte.

    `abridged` names what had to be left out of the data for its length.
    """
    data, left_out = dict(fact.data), list[str]()
    while len((text := _payload(fact, data, left_out)).encode()) > LARGEST_BODY:
        longest = max((name for name in data if name != "id"), key=lambda name: len(json_stringify.text(data[name])))
        del data[longest]
        left_out.append(longest)
    return text


def _payload(fact: PublicEvent, data: Mapping[str, Any], left_out: Sequence[str]) -> str:
    said: dict[str, Any] = {
        "event": fact.topic,
        "timestamp": clock.utc(fact.at).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": data,
        "organization": {"id": fact.org, "name": fact.organization or fact.org},
    }
    return json_stringify.text(said | ({"abridged": list(left_out)} if left_out else {}))


# Attempts


def post(found: Sequence[Mapping[str, Any]]) -> list[Exception | None]:
    """Make the attempts that messages ask for, side by side; answers for each whether it is dealt with, or the error
    that it met."""
    asked = [(Key(one["org"], one["webhook"], one["id"]), one["version"]) for one in found]
    loaded = storage.load({key for key, _ in asked})
    subscribed = _webhooks(loaded.deliveries)
    due = [one for key, one in loaded.deliveries.items() if one.status == "pending" and (key, one.version) in asked]
    with ThreadPoolExecutor(max_workers=max(1, len(due))) as threads:
        errors = threads.map(lambda one: _attempted(_post(one, loaded, subscribed)), due)
        outcomes = dict(zip(map(key_of, due), errors, strict=True))
    return [outcomes.get(key) for key, _ in asked]


def _webhooks(keys: Iterable[Key]) -> dict[tuple[str, str], Document]:
    """One call for each org."""
    wanted: dict[str, list[str]] = {}
    for key in keys:
        wanted.setdefault(key.org, []).append(key.webhook)
    found = {org: document_storage.find_many(org, endpoints.KIND, those) for org, those in wanted.items()}
    return {(org, one): webhook for org, those in found.items() for one, webhook in those.items()}


def _post(delivery: Delivery, loaded: Load, subscribed: Mapping[tuple[str, str], Document]) -> Post:
    webhook = (delivery.org, delivery.webhook)
    body = loaded.bodies[delivery.org, delivery.event_id]
    return Post(delivery, subscribed.get(webhook), loaded.healths[webhook], body)


def _attempted(post: Post) -> Exception | None:
    try:
        _attempt(post)
    except Exception as error:  # noqa: BLE001 - answered for, one by one, to the queue
        return error
    return None


def _attempt(post: Post) -> None:
    reason = _pointless(post)
    if reason is not None:
        settle(post.delivery, lambda found: rules.given_up(found, reason))
    elif post.webhook is not None and not _must_wait(post):
        _conclude(post, post.webhook, *_call(post, post.webhook))


def _pointless(post: Post) -> str | None:
    """Why no attempt is made any more, if so."""
    if post.webhook is None:
        return "the webhook was removed"
    if not post.webhook.body["active"] and post.delivery.event != rules.TEST:
        return "the webhook is not active"
    return None if post.body else "the event is no longer kept"


def _must_wait(post: Post) -> bool:
    """Whether it has to wait for its turn at a webhook in trouble, as it then does.

    So a webhook that does not answer holds up few of those who carry out attempts, and never another webhook's.
    """
    waits = (
        None if post.delivery.event == rules.TEST else receiver_backoff.wait(post.delivery, post.health, rules.SPACING)
    )
    if waits is None:
        return False
    until, turn = waits
    reason = receiver_backoff.reason(post.health)
    wake(settle(post.delivery, lambda found: rules.put_off(found, until, reason, turn=turn)))
    return True


def _call(post: Post, webhook: Document) -> tuple[Attempt, int]:
    """The attempt, made, and for how many milliseconds the receiver asks to be left alone."""
    at, begun = clock.now(), clock.stopwatch()
    answer, error = _sent(post, webhook)
    took = round((clock.stopwatch() - begun) * clock.SECOND)
    if answer is None:
        return Attempt(at=at, took_ms=took, error=error), 0
    rest = rules.retry_after(answer.status, answer.headers, clock.now())
    return Attempt(at=at, took_ms=took, status=answer.status), rest


def _sent(post: Post, webhook: Document) -> tuple[Answer | None, str | None]:
    body = post.body.encode()
    try:
        sent = _headers(post, webhook, body)
        return outbound.send(
            "POST",
            webhook.body["url"],
            headers=sent,
            body=body,
            timeout=rules.TIMEOUT_SECONDS,
            cap_bytes=ANSWER_BYTES,
            needs_body=outbound.never,
        ), None
    except Unreachable as unreachable:
        return None, str(unreachable)
    except encryption.CannotUnseal:
        logger().error("A webhook's secret can no longer be opened", extra={"webhook": webhook.id, "org": webhook.org})
        return None, "its secret can no longer be opened; rotate it"


def _headers(post: Post, webhook: Document, body: bytes) -> dict[str, str]:
    """The owner's own headers, and over them those that are not his to say."""
    event, now = post.delivery.event_id, clock.now() // clock.SECOND
    own = {name.lower(): value for name, value in webhook.body["headers"].items()}
    signed = signatures.headers(endpoints.secrets(webhook), event, now, body)
    return {"user-agent": USER_AGENT} | own | {"content-type": "application/json"} | signed


def _conclude(post: Post, webhook: Document, attempt: Attempt, rest_ms: int) -> None:
    """What follows from an attempt: for the delivery first, then for how the webhook is thought of."""
    found = post.delivery
    count("WebhookDelivered" if rules.succeeded(attempt) else "WebhookFailed")
    if rules.succeeded(attempt):
        settle(found, lambda latest: rules.delivered(latest, attempt), whatever=True)
    else:
        now, chance = clock.now(), ids.fraction()
        wake(settle(found, lambda latest: rules.failed(latest, attempt, now, chance, rest_ms)))
    _judge(webhook, post.health, attempt)


def _judge(webhook: Document, health: Health, attempt: Attempt) -> None:
    failing, slow = not rules.succeeded(attempt), attempt.took_ms >= rules.SLOW
    if attempt.status == 410:
        endpoints.disable(webhook.org, webhook.id, webhook.body["url"], endpoints.GONE)
    elif slow and not failing:
        endpoint_health.troubled(webhook.org, webhook.id, clock.now(), failing=False)
    elif failing:
        known = receiver_backoff.failed(webhook.org, webhook.id, attempt.took_ms, health)
        if known.failing_since is not None and clock.now() - known.failing_since >= rules.GIVEN_UP_AFTER:
            endpoints.disable(webhook.org, webhook.id, webhook.body["url"], endpoints.FAILING)
    elif health.troubled:
        endpoint_health.recovered(webhook.org, webhook.id, clock.now())


def settle(found: Delivery, decide: Callable[[Delivery], Delivery], *, whatever: bool = False) -> Delivery:
    """Write what was decided, and answer what stands. If somebody else has written meanwhile, theirs stands, unless
    this one counts `whatever` they wrote: then it is decided again, until it has arrived."""
    new = replace(decide(found), version=found.version + 1)
    stands = storage.replaced(found, new)
    if stands is None or stands == new or not whatever or stands.status == "delivered":
        return stands or found
    return settle(stands, decide, whatever=True)


def wake(found: Delivery) -> None:
    """Have a delivery tried when it is due."""
    if found.wake_at is not None:
        waits = Wakeup(kind=WakeupKind.DELIVERY, org=found.org, pool=found.webhook, id=found.id, at=found.wake_at)
        queue_messages.enqueue_wakeups([waits])


def key_of(found: Delivery) -> Key:
    """Where the delivery is."""
    return Key(found.org, found.webhook, found.id)


def send(found: Iterable[Delivery]) -> None:
    """Have the deliveries tried, as they are now: those of webhooks, and those of messengers."""
    parts: dict[str, list[Message]] = {settings().webhooks_queue: [], settings().notifications_queue: []}
    for one in found:
        queue = settings().notifications_queue if one.webhook in PROVIDERS else settings().webhooks_queue
        # A reminder has another moment than what it reminds of, so that it is no repetition to the queue.
        said = message_of(one)
        parts[queue].append(queue_messages.fifo_message(said, _lane(one), *map(str, said.values()), str(one.wake_at)))
    for queue, asked in parts.items():
        sqs.send(queue, asked)


def _lane(found: Delivery) -> str:
    """What is critical has a lane of its own."""
    if found.webhook not in PROVIDERS:
        return receiver_backoff.lane(found, rules.LANES)
    return (
        receiver_backoff.lane(found, notification.LANES)
        if found.event != "critical"
        else f"{receiver_backoff.lane(found, 1)}#critical"
    )


def message_of(found: Delivery) -> dict[str, Any]:
    """The words on the queue that have a delivery tried, as it is now."""
    return key_of(found)._asdict() | {"version": found.version}
