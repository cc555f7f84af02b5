"""The handlers of the queues. Each parses its messages, calls the engine, and names the messages that failed, so that
only those come back (partial batch responses)."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.engine.changes import queue_messages
from chalicelib.engine.dispatch import builtin_execution, dispatcher, handovers
from chalicelib.engine.events import fan_out
from chalicelib.engine.events.fan_out import PayloadBuilders
from chalicelib.engine.live import event_feed, task_feed
from chalicelib.engine.live.event_feed import MaySee
from chalicelib.engine.live.task_feed import FrameBuilders
from chalicelib.engine.messaging import notification_sender
from chalicelib.engine.schedule import sweep, wakeups
from chalicelib.engine.schedule.sweep import Part
from chalicelib.engine.social import publishing
from chalicelib.engine.webhooks import webhook_sender
from chalicelib.observability import count, logger, observed

Event = Mapping[str, Any]
Answer = dict[str, list[dict[str, str]]]


@observed
def handle_dispatch(event: Event) -> Answer:
    """Dispatch requests: one pass for each pool. On failure this pool's messages, and all after them, come back."""
    records = event["Records"]
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for record in records:
        body = json.loads(record["body"])
        groups.setdefault((body["org"], body["pool"]), []).append(record)
    failed: list[str] = []
    for (org, pool), group in groups.items():
        try:
            bodies = [json.loads(record["body"]) for record in group]
            requests = [request for body in bodies for request in queue_messages.read_dispatch_requests(body)]
            dispatcher.run_pass(org, pool, requests)
        except Exception as error:  # noqa: BLE001 - logged, and named to the queue
            _log_failure(error, group)
            failed += [record["messageId"] for record in group]
    return _answer(failed)


@observed
def handle_handovers(event: Event) -> Answer:
    """Handovers of tasks and messages to connected workers, in parallel."""
    messages = [queue_messages.read_handover_or_message(json.loads(record["body"])) for record in event["Records"]]
    return _answer_for_outcomes(event, handovers.send_to_workers(messages))


@observed
def handle_builtin_handovers(event: Event) -> Answer:
    """Handovers to Yardmaster's own performers, one after the other."""
    return _perform(event)


@observed
def handle_model_calls(event: Event) -> Answer:
    """Handovers to the performers that call language models."""
    return _perform(event)


@observed
def handle_recognition_handovers(event: Event) -> Answer:
    """Handovers to the performers that recognise, which have a function of their own: only it has their libraries."""
    return _perform(event)


def _perform(event: Event) -> Answer:
    handovers = [queue_messages.read_handover(json.loads(record["body"])) for record in event["Records"]]
    return _answer_for_outcomes(event, builtin_execution.perform_tasks(handovers))


@observed
def handle_task_updates(event: Event, frame_builders: FrameBuilders) -> Answer:
    """Task updates for watchers, and new watchers; each org's in order."""
    return _in_order(event, lambda body: _handle_task_update(body, frame_builders))


def _in_order(event: Event, handle: Callable[[Mapping[str, Any]], None]) -> Answer:
    """Handle each org's messages in order. On failure that message and all later ones of its org come back; those of
    other orgs do not wait for it."""
    failed: list[str] = []
    failed_orgs: set[str] = set()
    for record in event["Records"]:
        body = json.loads(record["body"])
        try:
            if body["org"] not in failed_orgs:
                handle(body)
        except Exception as error:  # noqa: BLE001 - logged, and named to the queue
            _log_failure(error, [record])
            failed_orgs.add(body["org"])
        if body["org"] in failed_orgs:
            failed.append(record["messageId"])
    return _answer(failed)


def _handle_task_update(body: Mapping[str, Any], frame_builders: FrameBuilders) -> None:
    if "connection" in body:
        task_feed.catch_up(body["org"], body["connection"], frame_builders)
    else:
        task_feed.send_updates(body["org"], body["occasion"], queue_messages.read_task_updates(body), frame_builders)


@observed
def handle_announcements(event: Event, payload_builders: PayloadBuilders, may_see: MaySee) -> Answer:
    """Announcements for webhooks, notifications and live subscriptions, and new subscriptions; each org's in order."""
    return _in_order(event, lambda body: _handle_announcement(body, payload_builders, may_see))


def _handle_announcement(body: Mapping[str, Any], payload_builders: PayloadBuilders, may_see: MaySee) -> None:
    if "connection" in body:
        event_feed.catch_up(body["org"], body["connection"], body["subscription"], may_see)
    else:
        fan_out.publish_announcements(
            body["org"], body["occasion"], queue_messages.read_announcements(body), payload_builders, may_see
        )


@observed
def handle_webhook_deliveries(event: Event) -> Answer:
    """Deliveries to webhooks, in parallel."""
    return _answer_for_outcomes(
        event, webhook_sender.send_events([json.loads(record["body"]) for record in event["Records"]])
    )


@observed
def handle_notifications(event: Event) -> Answer:
    """Notifications to messengers, the providers in parallel, and posts on social platforms."""
    bodies = [json.loads(record["body"]) for record in event["Records"]]
    senders = {True: publishing.publish_posts, False: notification_sender.send_notifications}
    batches = {kind: [body for body in bodies if publishing.is_post(body) is kind] for kind in senders}
    outcomes = {kind: iter(senders[kind](batch)) for kind, batch in batches.items() if batch}
    return _answer_for_outcomes(event, [next(outcomes[publishing.is_post(body)]) for body in bodies])


@observed
def handle_wakeups(event: Event) -> Answer:
    """Wakeups: single items on which something is due."""
    failed: list[str] = []
    for record in event["Records"]:
        try:
            wakeups.process_wakeup(queue_messages.read_wakeup(json.loads(record["body"])))
        except Exception as error:  # noqa: BLE001 - logged, and named to the queue
            _log_failure(error, [record])
            failed.append(record["messageId"])
    return _answer(failed)


@observed
def handle_sweep_parts(event: Event) -> Answer:
    """Parts of the sweep. A part that fails raises, and shows as an error; the next sweep does what it left."""
    for record in event["Records"]:
        body = json.loads(record["body"])
        count("Settled", sweep.sweep_part(Part(body["kind"], body["shard"]), body["begun_at"]))
    return _answer(())


def _answer_for_outcomes(event: Event, outcomes: Sequence[Exception | None]) -> Answer:
    """The answer for records of which each has its own outcome."""
    failed = [(record, error) for record, error in zip(event["Records"], outcomes, strict=True) if error is not None]
    for record, error in failed:
        _log_failure(error, [record])
    return _answer([record["messageId"] for record, _ in failed])


def _log_failure(error: Exception, records: Sequence[Mapping[str, Any]]) -> None:
    message_ids = [record["messageId"] for record in records]
    logger().error("Messages failed and come back", extra={"messages": message_ids}, exc_info=error)


def _answer(failed: Sequence[str]) -> Answer:
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
