"""What a queue's messages become: each is parsed and handed to the engine, and those that failed are named, so that
only they come back (partial batch responses)."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.engine.changes import queue_messages
from chalicelib.engine.dispatch import builtin_execution, dispatcher, task_delivery
from chalicelib.engine.events import fan_out
from chalicelib.engine.events.fan_out import Heralds
from chalicelib.engine.live import event_feed, task_feed
from chalicelib.engine.live.event_feed import Admits
from chalicelib.engine.live.task_feed import Voices
from chalicelib.engine.messaging import sender
from chalicelib.engine.schedule import sweep, wakeups
from chalicelib.engine.schedule.sweep import Part
from chalicelib.engine.webhooks import delivery as posting
from chalicelib.observability import count, logger, observed

Event = Mapping[str, Any]
Answer = dict[str, list[dict[str, str]]]


@observed
def dispatched(event: Event) -> Answer:
    """Nudges: one dispatch pass for each pool named. On failure this pool's messages, and all after them, come back."""
    records = event["Records"]
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for record in records:
        body = json.loads(record["body"])
        groups.setdefault((body["org"], body["pool"]), []).append(record)
    failed: list[str] = []
    for (org, pool), found in groups.items():
        try:
            nudges = [nudge for record in found for nudge in queue_messages.read_nudges(json.loads(record["body"]))]
            dispatcher.run_pass(org, pool, nudges)
        except Exception as error:  # noqa: BLE001 - answered for, to the queue
            _note(error, found)
            failed += [record["messageId"] for record in found]
    return _answer(failed)


@observed
def delivered(event: Event) -> Answer:
    """Deliveries: tasks handed over and workers told, side by side."""
    found = [queue_messages.read_handed(json.loads(record["body"])) for record in event["Records"]]
    return _settled(event, task_delivery.send_to_workers(found))


@observed
def performed(event: Event) -> Answer:
    """Deliveries to the house itself: its performers do the tasks."""
    found = [queue_messages.read_delivery(json.loads(record["body"])) for record in event["Records"]]
    return _settled(event, builtin_execution.perform_tasks(found))


@observed
def told(event: Event, voices: Voices) -> Answer:
    """Updates for watchers, and new watchers, each org's in order."""
    return _in_order(event, lambda body: _tell(body, voices))


def _in_order(event: Event, handle: Callable[[Mapping[str, Any]], None]) -> Answer:
    """Each org's messages in order. On failure this org's message and all after it come back; another org's are not
    held up."""
    failed: list[str] = []
    stuck: set[str] = set()
    for record in event["Records"]:
        body = json.loads(record["body"])
        try:
            if body["org"] not in stuck:
                handle(body)
        except Exception as error:  # noqa: BLE001 - answered for, to the queue
            _note(error, [record])
            stuck.add(body["org"])
        if body["org"] in stuck:
            failed.append(record["messageId"])
    return _answer(failed)


def _tell(body: Mapping[str, Any], voices: Voices) -> None:
    if "connection" in body:
        task_feed.catch_up(body["org"], body["connection"], voices)
    else:
        task_feed.tell(body["org"], body["occasion"], queue_messages.read_updates(body), voices)


@observed
def announced(event: Event, heralds: Heralds, admits: Admits) -> Answer:
    """Announcements: told to the webhooks, notifications and watchers that asked for them; and new watchers. Each org's
    in order."""
    return _in_order(event, lambda body: _announce(body, heralds, admits))


def _announce(body: Mapping[str, Any], heralds: Heralds, admits: Admits) -> None:
    if "connection" in body:
        event_feed.catch_up(body["org"], body["connection"], body["subscription"], admits)
    else:
        fan_out.announce(body["org"], body["occasion"], queue_messages.read_announcements(body), heralds, admits)


@observed
def posted(event: Event) -> Answer:
    """Deliveries to webhooks, side by side."""
    return _settled(event, posting.post([json.loads(record["body"]) for record in event["Records"]]))


@observed
def notified(event: Event) -> Answer:
    """Notifications to messengers, the providers side by side."""
    return _settled(event, sender.send([json.loads(record["body"]) for record in event["Records"]]))


@observed
def woken(event: Event) -> Answer:
    """Wakeups: what is due on single items."""
    failed: list[str] = []
    for record in event["Records"]:
        try:
            wakeups.one(queue_messages.read_wakeup(json.loads(record["body"])))
        except Exception as error:  # noqa: BLE001 - answered for, to the queue
            _note(error, [record])
            failed.append(record["messageId"])
    return _answer(failed)


@observed
def swept(event: Event) -> Answer:
    """Parts of the sweep. One that fails raises: it is seen, and the next minute's sweep does what it left."""
    for record in event["Records"]:
        body = json.loads(record["body"])
        count("Settled", sweep.sweep(Part(body["kind"], body["shard"]), body["begun_at"]))
    return _answer(())


def _settled(event: Event, outcomes: Sequence[Exception | None]) -> Answer:
    """The answer for records of which each has an outcome of its own."""
    failed = [(record, error) for record, error in zip(event["Records"], outcomes, strict=True) if error is not None]
    for record, error in failed:
        _note(error, [record])
    return _answer([record["messageId"] for record, _ in failed])


def _note(error: Exception, records: Sequence[Mapping[str, Any]]) -> None:
    ids = [record["messageId"] for record in records]
    logger().error("Messages failed and come back", extra={"messages": ids}, exc_info=error)


def _answer(failed: Sequence[str]) -> Answer:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}
