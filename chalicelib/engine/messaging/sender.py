"""Sending: what the messages of the queue `notifications` ask for, each one delivery: a notification by a provider.

A provider's deliveries of one batch go one after the other, those of several providers side by side. At a provider in
trouble they take turns, so that one that does not answer holds up few of those who send, and never another provider's
messages.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.deliveries import notification as rules
from chalicelib.domain.deliveries.delivery import Attempt, Delivery, Health
from chalicelib.domain.deliveries.notification import Provider
from chalicelib.engine.deliveries import receiver_backoff
from chalicelib.engine.deliveries.receiver_backoff import Wait
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.messaging.provider_accounts import Accounts
from chalicelib.engine.webhooks import delivery as posting
from chalicelib.errors import Unavailable
from chalicelib.observability import count
from chalicelib.providers.messengers import Account, Messenger, Sent, Undelivered, messenger
from chalicelib.storage.deliveries import deliveries, endpoint_health, notifications
from chalicelib.storage.deliveries.deliveries import Key, Load

TURN_SECONDS = 25
"""What a provider's share of a batch has not done by then goes on later: all of it must fit into the function's time,
with an answer that takes ten seconds at its end."""
WOKEN = 8
"""Versions of a delivery up to which wakeups are sent for it. Later ones come by the sweep, since Lambda takes queues
that feed each other for a runaway loop after some 16 hops."""

Outcomes = dict[Key, Exception | None]


class _Line(NamedTuple):
    """What is due of one org by one provider, what is critical first, then the oldest."""

    org: str
    name: Provider
    due: Sequence[Delivery]
    said: Mapping[str, str]
    """Notification's id -> what was written down of it."""
    accounts: Accounts
    health: Health

    @property
    def account(self) -> Account:
        return self.accounts.providers.get(self.name, {})


class _Result(NamedTuple):
    """What came of trying to send: the delivery as it stands, the provider's last word, and how long that took."""

    delivery: Delivery
    word: Sent | Undelivered
    took_ms: int


def send(found: Sequence[Mapping[str, Any]]) -> list[Exception | None]:
    """Send what messages ask for; answers for each whether it is dealt with, or the error that it met.

    Calls: one for the batch, and three for each delivery that is sent; at a provider in trouble up to three more.
    """
    asked = [(Key(one["org"], one["webhook"], one["id"]), one["version"]) for one in found]
    loaded = deliveries.load({key for key, _ in asked})
    due = [one for key, one in loaded.deliveries.items() if one.status == "pending" and (key, one.version) in asked]
    accounts, outcomes = _accounts(due)
    lines = list(_lines([one for one in due if one.org in accounts], loaded, accounts))
    with ThreadPoolExecutor(max_workers=max(1, len(lines))) as threads:
        for part in threads.map(_work_off, lines):
            outcomes |= part
    return [outcomes.get(key) for key, _ in asked]


def _accounts(due: Sequence[Delivery]) -> tuple[dict[str, Accounts], Outcomes]:
    """By org, and the errors of those that cannot be read. Before any thread begins: one look does for all providers,
    and boto's first client is not to be made by several at once."""
    found, outcomes = dict[str, Accounts](), Outcomes()
    for org in sorted({one.org for one in due}):
        try:
            found[org] = provider_accounts.of(org)
        except Unavailable as error:
            outcomes |= {posting.key_of(one): error for one in due if one.org == org}
    return found, outcomes


def _lines(due: Sequence[Delivery], loaded: Load, accounts: Mapping[str, Accounts]) -> Iterator[_Line]:
    parts: dict[tuple[str, Any], list[Delivery]] = {}
    for one in sorted(due, key=lambda delivery: (delivery.event != "critical", delivery.id)):
        parts.setdefault((one.org, one.webhook), []).append(one)
    for (org, name), those in parts.items():
        said = {one.event_id: loaded.bodies[org, one.event_id] for one in those}
        yield _Line(org, name, those, said, accounts[org], loaded.healths[org, name])


def _work_off(line: _Line) -> Outcomes:
    """One after the other; after each it is known better how the provider is doing."""
    health, until, outcomes = line.health, clock.now() + TURN_SECONDS * clock.SECOND, Outcomes()
    for one in line.due:
        try:
            health = _attempt(line, one, health, until)
        except Exception as error:  # noqa: BLE001 - answered for, one by one, to the queue
            outcomes[posting.key_of(one)] = error
    return outcomes


def _attempt(line: _Line, found: Delivery, health: Health, until: int) -> Health:
    """Make the attempt if it is time for it; answers how the provider is doing then."""
    wait = _wait(found, health, until)
    if wait is not None:
        _put_off(found, *wait, receiver_backoff.reason(health))
        return health
    claimed = replace(rules.claimed(found, clock.now()), version=found.version + 1)
    if deliveries.replaced(found, claimed) is not claimed:
        return health  # somebody else has it
    return _conclude(line, _sent(line, claimed, until), health)


def _wait(found: Delivery, health: Health, until: int) -> Wait | None:
    """Until when it has to wait, and whether it is its turn then; None if it need not."""
    now = clock.now()
    if now >= until or rules.overdue(found, now):
        return Wait(now, found.turn)
    return receiver_backoff.wait(found, health, rules.SPACING, urgent=found.event == "critical")


def _put_off(found: Delivery, until: int, turn: bool, reason: str | None = None) -> None:
    _settled(found, posting.settle(found, lambda latest: rules.put_off(latest, until, reason, turn=turn)))


def _sent(line: _Line, found: Delivery, until: int) -> _Result:
    """Send what is left of it, each part acknowledged and noted before the next, as long as there is time."""
    latest, begun = found, clock.stopwatch()
    try:
        by = _usable(line)
        parts = by.parts(notifications.parse(line.said[found.event_id]).text)
        while True:
            begun = clock.stopwatch()
            word = by.send(line.account, parts[len(latest.receipts)])
            took = _since(begun)
            latest = _acknowledged(latest, word.id, len(parts), took)
            if latest.status != "pending" or word.rest_ms or clock.now() >= until:
                return _Result(latest, word, took)
    except Undelivered as refused:
        return _Result(latest, refused, _since(begun))


def _usable(line: _Line) -> Messenger:
    missing = line.accounts.missing(line.name)
    if missing:
        raise Undelivered(f"not configured any more: {', '.join(missing)}")
    return messenger(line.name, line.account)


def _since(begun: float) -> int:
    return round((clock.stopwatch() - begun) * clock.SECOND)


def _acknowledged(found: Delivery, receipt: str, parts: int, took_ms: int) -> Delivery:
    """Whatever anybody else wrote meanwhile: what has arrived is not sent again."""
    attempt = Attempt(at=clock.now(), took_ms=took_ms)
    return posting.settle(found, lambda latest: rules.received(latest, receipt, parts, attempt), whatever=True)


def _conclude(line: _Line, result: _Result, health: Health) -> Health:
    """What follows: for the delivery first, then for how the provider is thought of."""
    count("NotificationRefused" if isinstance(result.word, Undelivered) else "NotificationSent")
    if isinstance(result.word, Undelivered):
        _refused(line, result, result.word)
    elif result.delivery.status == "pending":
        _put_off(result.delivery, clock.now() + (result.word.rest_ms or 0), turn=True)
    else:
        notifications.tallied(line.org, line.name, clock.now())
    return _judged(line, result, health)


def _refused(line: _Line, result: _Result, refused: Undelivered) -> None:
    reason = provider_accounts.redacted(str(refused), line.account)
    now, chance = clock.now(), ids.fraction()
    attempt = Attempt(at=now, took_ms=result.took_ms, status=refused.status, error=reason)

    def decide(found: Delivery) -> Delivery:
        if refused.rest_ms:
            return rules.rested(found, attempt, now + refused.rest_ms)
        return rules.failed(found, attempt, now, chance, final=refused.final)

    stands = posting.settle(result.delivery, decide)
    if stands.status == "pending":
        notifications.tallied(line.org, line.name, now, error=reason, ended=False)
    _settled(result.delivery, stands)


def _settled(found: Delivery, stands: Delivery) -> None:
    """What follows where a delivery was not sent: it is due later, or was given up."""
    if stands.status == "failed" and stands.version == found.version + 1:
        count("NotificationGivenUp")
        notifications.tallied(stands.org, stands.webhook, clock.now(), error=stands.reason)
    if stands.version <= WOKEN:
        posting.wake(stands)


def _judged(line: _Line, result: _Result, health: Health) -> Health:
    word, now = result.word, clock.now()
    if word.rest_ms:
        return endpoint_health.rest(line.org, line.name, now + word.rest_ms)
    if isinstance(word, Undelivered) and not word.final:
        return receiver_backoff.failed(line.org, line.name, result.took_ms, health)
    if result.took_ms >= rules.SLOW:
        return endpoint_health.troubled(line.org, line.name, now, failing=False)
    if not health.troubled:
        return health
    return endpoint_health.recovered(line.org, line.name, now)
