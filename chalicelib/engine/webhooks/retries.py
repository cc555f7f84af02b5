"""Deliveries that are tried again: when they are due, and when somebody asks for it. And what can be seen of them."""

from collections.abc import Iterator, Sequence

from chalicelib import clock, ids
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.domain.deliveries import delivery as rules
from chalicelib.domain.deliveries.delivery import TIMEOUT_SECONDS, Delivery, Status
from chalicelib.domain.document import Document
from chalicelib.engine.documents import background_jobs
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.webhooks import delivery as posting
from chalicelib.engine.webhooks import endpoints
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.deliveries import deliveries as storage
from chalicelib.storage.deliveries.deliveries import Key

LATE = clock.MINUTE
"""So long the sweep leaves what is due to its message."""
REMINDED = 2 * clock.MINUTE
"""So long it leaves what it sent a message for."""
REMINDERS = 10
"""Deliveries that one message batch has room for."""

LISTED = 1_000
"""A list shows so many deliveries, the newest: one call."""
AT_A_TIME = 100
TESTS_AT_ONCE = 5
"""Of an org: each waits for its receiver."""
RECOVERY = "recovery"
"""The chore that goes on where a recovery has more to do than fits into a request."""


# When they are due


def shards() -> list[str]:
    """Of the index that deliveries are found in when they are due."""
    return storage.shards()


def late(shard: str, limit: int) -> Iterator[Key]:
    """The deliveries of one wake shard whose message is late, at most so many."""
    return storage.due(shard, clock.now() - LATE, limit)


def remind(keys: Sequence[Key]) -> None:
    """Send another message for each of the deliveries that is still due."""
    now = clock.now()
    found = (storage.reminded(key, now, now + REMINDED) for key in keys)
    posting.send([one for one in found if one is not None])


def wake(org: str, webhook: str, identifier: str) -> None:
    """Have a delivery tried, if it is due."""
    found = storage.find(org, webhook, identifier)
    if found is not None and found.wake_at is not None and found.wake_at <= clock.now():
        posting.send([found])


# When somebody asks for it


def test(org: str, identifier: str) -> Delivery:
    """Send a `webhook.test` event, once and now, and answer what became of it.

    Raises NotFound; TooManyRequests while TESTS_AT_ONCE of the org wait for their receivers.
    """
    webhook = endpoints.get(org, identifier)
    with long_call_slots.hold_required_slot(org, "webhook tests", TESTS_AT_ONCE, TIMEOUT_SECONDS):
        return _tested(org, webhook)


def _tested(org: str, webhook: Document) -> Delivery:
    fact = PublicEvent(
        id=ids.ordered("evt"),
        org=org,
        topic=Topic.WEBHOOK_TEST,
        at=clock.now(),
        subject=webhook.id,
        version=webhook.version,
        data={"id": webhook.id, "url": webhook.body["url"], "message": "This webhook can be reached."},
        about={},
        recipients={},
    )
    made = posting.delivery_of(fact, webhook)
    dynamodb.commit(*storage.created(org, fact.id, posting.body_of(fact), [made]))
    [error] = posting.post([posting.message_of(made)])
    if error is not None:
        raise error
    return get(org, webhook.id, made.id)


def resend(org: str, webhook: str, identifier: str) -> Delivery:
    """Begin a new round of attempts now, whatever became of the last one. Raises NotFound, and Conflict while the
    webhook is out of service."""
    _require_active(org, webhook)
    return _again([get(org, webhook, identifier)])[0]


def recover(org: str, webhook: str, since: int) -> tuple[int, bool]:
    """Begin a new round for all that was given up of events since then: how many by now, and whether more follow in the
    background. Raises as `resend` does."""
    _require_active(org, webhook)
    found = _given_up(org, webhook, since)
    more = len(found) == AT_A_TIME
    if more:
        dynamodb.commit(background_jobs.create_write(org, RECOVERY, webhook, since=since))
    return _requeued(org, webhook, found), more


def recovery(chore: Job) -> bool:
    """The step of the chore: it ends when nothing is left, or nobody is there to take it."""
    try:
        _require_active(chore.org, chore.subject)
    except (Conflict, NotFound):
        return True
    found = _given_up(chore.org, chore.subject, chore.facts["since"])
    _requeued(chore.org, chore.subject, found)
    return len(found) < AT_A_TIME


def _given_up(org: str, webhook: str, since: int) -> list[str]:
    """The oldest of those whose event is still kept: the others would be given up at once, again and again."""
    return storage.given_up(org, webhook, max(since, clock.now() - storage.RETENTION + clock.HOUR), limit=AT_A_TIME)


def _requeued(org: str, webhook: str, identifiers: Sequence[str]) -> int:
    found = storage.find_many(org, webhook, identifiers)
    return len(_again([one for one in found if one.status == "failed"]))


def _again(found: Sequence[Delivery]) -> list[Delivery]:
    now = clock.now()
    begun = [posting.settle(one, lambda latest: rules.again(latest, now)) for one in found]
    posting.send(begun)
    return begun


def _require_active(org: str, webhook: str) -> None:
    if not endpoints.get(org, webhook).body["active"]:
        raise Conflict("The webhook is not active: switch it on first")


# What can be seen


def get(org: str, webhook: str, identifier: str) -> Delivery:
    """A delivery as of now. Raises NotFound: for the webhook, where that is not there."""
    found = storage.find(org, webhook, identifier)
    if found is None:
        endpoints.get(org, webhook)
        raise NotFound("Delivery", identifier)
    return found


def latest(org: str, webhook: str, status: Status | None) -> list[Delivery]:
    """The newest deliveries of a webhook, or of those the ones of a status; of those given up, the newest of all.
    Raises NotFound."""
    endpoints.get(org, webhook)
    if status == "failed":
        return storage.find_many(org, webhook, storage.given_up(org, webhook, limit=LISTED, newest=True))
    found = storage.latest(org, webhook, LISTED)
    return [one for one in found if status in (None, one.status)]
