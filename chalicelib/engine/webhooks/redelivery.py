"""Deliveries as a webhook's owner asks for them: test, resend, recover, and list."""

from collections.abc import Sequence

from chalicelib import clock, ids
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.domain.deliveries import delivery as rules
from chalicelib.domain.deliveries.delivery import TIMEOUT_SECONDS, Delivery, Status
from chalicelib.domain.document import Document
from chalicelib.engine.deliveries.attempt_queue import attempt_message, enqueue_attempts
from chalicelib.engine.deliveries.delivery_updates import apply_transition
from chalicelib.engine.documents import background_jobs
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.webhooks import endpoints, event_deliveries, webhook_sender
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.deliveries import deliveries as storage

MAX_LISTED = 1_000
"""A list shows the newest deliveries only: one call."""
RECOVERY_BATCH = 100
MAX_CONCURRENT_TESTS = 5
"""Of an org: each waits for its receiver."""
RECOVERY = "recovery"
"""The background job that continues a recovery of more deliveries than fit into one request."""


def send_test(org: str, webhook_id: str) -> Delivery:
    """Send a `webhook.test` event, once and now, and return its delivery with the result.

    Raises NotFound; TooManyRequests while MAX_CONCURRENT_TESTS of the org wait for their receivers.
    """
    webhook = endpoints.get(org, webhook_id)
    with long_call_slots.hold_required_slot(org, "webhook tests", MAX_CONCURRENT_TESTS, TIMEOUT_SECONDS):
        return _send_test(org, webhook)


def _send_test(org: str, webhook: Document) -> Delivery:
    event = PublicEvent(
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
    delivery = event_deliveries.build_delivery(event, webhook)
    dynamodb.commit(*storage.create_writes(org, event.id, event_deliveries.build_body(event), [delivery]))
    [error] = webhook_sender.send_events([attempt_message(delivery)])
    if error is not None:
        raise error
    return get_delivery(org, webhook.id, delivery.id)


def resend(org: str, webhook_id: str, delivery_id: str) -> Delivery:
    """Start a new round of attempts now, whatever the delivery's status. Raises NotFound, and Conflict while the
    webhook is not active."""
    _require_active(org, webhook_id)
    return _restart([get_delivery(org, webhook_id, delivery_id)])[0]


def recover(org: str, webhook_id: str, since: int) -> tuple[int, bool]:
    """Start a new round of attempts for all failed deliveries of events since then. Returns how many were started, and
    whether a background job starts more. Raises as `resend` does."""
    _require_active(org, webhook_id)
    failed_ids = _find_failed_ids(org, webhook_id, since)
    has_more = len(failed_ids) == RECOVERY_BATCH
    if has_more:
        dynamodb.commit_new(background_jobs.create_write(org, RECOVERY, webhook_id, since=since))
    return _restart_failed(org, webhook_id, failed_ids), has_more


def run_recovery_step(job: Job) -> bool:
    """One step of the background job. Returns whether the job is finished: no failed delivery is left, or the webhook
    is not active any more."""
    try:
        _require_active(job.org, job.subject)
    except (Conflict, NotFound):
        return True
    failed_ids = _find_failed_ids(job.org, job.subject, job.facts["since"])
    _restart_failed(job.org, job.subject, failed_ids)
    return len(failed_ids) < RECOVERY_BATCH


def _find_failed_ids(org: str, webhook_id: str, since: int) -> list[str]:
    """The oldest failed deliveries, without those whose event expires: they would only fail again."""
    oldest = clock.now() - storage.RETENTION_MS + clock.HOUR
    return storage.list_failed_ids(org, webhook_id, max(since, oldest), limit=RECOVERY_BATCH)


def _restart_failed(org: str, webhook_id: str, delivery_ids: Sequence[str]) -> int:
    deliveries = storage.find_many(org, webhook_id, delivery_ids)
    return len(_restart([delivery for delivery in deliveries if delivery.status == "failed"]))


def _restart(deliveries: Sequence[Delivery]) -> list[Delivery]:
    now = clock.now()
    restarted = [apply_transition(delivery, lambda latest: rules.restarted(latest, now)) for delivery in deliveries]
    enqueue_attempts(restarted)
    return restarted


def _require_active(org: str, webhook_id: str) -> None:
    if not endpoints.get(org, webhook_id).body["active"]:
        raise Conflict("The webhook is not active: switch it on first")


def get_delivery(org: str, webhook_id: str, delivery_id: str) -> Delivery:
    """The delivery as of now. Raises NotFound, for the webhook where that does not exist."""
    delivery = storage.find(org, webhook_id, delivery_id)
    if delivery is None:
        endpoints.get(org, webhook_id)
        raise NotFound("Delivery", delivery_id)
    return delivery


def list_deliveries(org: str, webhook_id: str, status: Status | None) -> list[Delivery]:
    """The newest MAX_LISTED deliveries of a webhook, of these only the ones with `status`; for status failed, the
    newest failed ones. Raises NotFound."""
    endpoints.get(org, webhook_id)
    if status == "failed":
        failed_ids = storage.list_failed_ids(org, webhook_id, limit=MAX_LISTED, newest=True)
        return storage.find_many(org, webhook_id, failed_ids)
    latest = storage.list_latest(org, webhook_id, MAX_LISTED)
    return [delivery for delivery in latest if status in (None, delivery.status)]
