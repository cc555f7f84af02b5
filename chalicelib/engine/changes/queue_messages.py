"""Effects as queue messages: `enqueue_...` sends them, `read_...` parses one message's body.

An `occasion` names what the effects follow from: the same effects of the same occasion, sent twice within five minutes,
are one message of a FIFO queue.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.changes.effects import (
    Announcement,
    DispatchRequest,
    Handover,
    TaskUpdate,
    Topic,
    Wakeup,
    WakeupKind,
    WorkerMessage,
)
from chalicelib.domain.tasks.pools import MODELS_POOL, STEPS_POOL
from chalicelib.domain.tasks.task import ConcurrencyLimit, Needs, Status
from chalicelib.providers.performers import registry
from chalicelib.storage.aws import sqs
from chalicelib.storage.aws.sqs import MAX_DELAY_SECONDS, Message

WAITING_POOLS = frozenset({MODELS_POOL, STEPS_POOL})
"""The pools whose performers may take minutes: they wait for models and other services."""
_GROUP = re.compile("[!-~]{1,128}")
DISPATCH_REQUESTS_PER_MESSAGE = 100
ANNOUNCEMENTS_PER_MESSAGE = 20
"""Each goes to every subscriber within one run of the function."""
UPDATES_PER_MESSAGE = 90
"""They are written in one transaction, which holds a hundred items."""
BYTES_PER_MESSAGE = 256 * 1024
"""Of several effects in one message: a quarter of what SQS takes."""


def enqueue_dispatch(requests: Iterable[DispatchRequest], occasion: str) -> None:
    """Ask for a dispatch of each pool: one message a pool, more where it names many tasks."""
    pools: dict[tuple[str, str], list[DispatchRequest]] = {}
    for request in requests:
        pools.setdefault((request.org, request.pool), []).append(request)
    messages = [
        _dispatch_message(org, pool, tasks, occasion)
        for (org, pool), group in pools.items()
        for tasks in _task_parts(group)
    ]
    sqs.send(settings().dispatch_queue, messages)


def _task_parts(requests: list[DispatchRequest]) -> Iterator[list[dict[str, Any]]]:
    """The tasks that the requests of one pool name, split into messages; one empty part when none names a task."""
    tasks = [_task_body(request) for request in requests if request.task_id is not None]
    return _split_into_messages(tasks, DISPATCH_REQUESTS_PER_MESSAGE) if tasks else iter([[]])


def _split_into_messages(bodies: Iterable[dict[str, Any]], max_bodies: int) -> Iterator[list[dict[str, Any]]]:
    """The bodies in order, as many together as one message carries: `max_bodies` and BYTES_PER_MESSAGE of JSON."""
    part: list[dict[str, Any]] = []
    size = 0
    for body in bodies:
        length = len(json.dumps(body))
        if part and (len(part) == max_bodies or size + length > BYTES_PER_MESSAGE):
            yield part
            part, size = [], 0
        part.append(body)
        size += length
    if part:
        yield part


def _dispatch_message(org: str, pool: str, tasks: list[dict[str, Any]], occasion: str) -> Message:
    body = {"org": org, "pool": pool, "tasks": tasks}
    first = tasks[0]["id"] if tasks else ""
    return Message(body, group=_group_name(f"{org}#{pool}"), deduplication=_digest(occasion, org, pool, first))


def fifo_message(body: Mapping[str, Any], group: str, *occasion: str) -> Message:
    """A message of a FIFO queue. Those of one group are handled one after the other."""
    return Message(body, group=_group_name(group), deduplication=_digest(*occasion))


def _group_name(name: str) -> str:
    """The name itself, or its digest where SQS refuses it as the name of a FIFO group."""
    return name if _GROUP.fullmatch(name) else _digest(name)


def _digest(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def _task_body(request: DispatchRequest) -> dict[str, Any]:
    needs = request.needs or Needs()
    return {
        "id": request.task_id,
        "lane": request.lane,
        "capabilities": sorted(needs.capabilities),
        "group": needs.group,
        "worker": needs.worker,
        "permit": needs.concurrency_limit,
    }


def read_dispatch_requests(body: Mapping[str, Any]) -> list[DispatchRequest]:
    """The requests of one message; one without a task when it names none."""
    org, pool = body["org"], body["pool"]
    requests = [
        DispatchRequest(
            org=org,
            pool=pool,
            task_id=task["id"],
            lane=task["lane"],
            needs=Needs(
                frozenset(task["capabilities"]),
                task["group"],
                task.get("worker"),
                ConcurrencyLimit(*task["permit"]) if task.get("permit") else None,
            ),
        )
        for task in body["tasks"]
    ]
    return requests or [DispatchRequest(org=org, pool=pool)]


def enqueue_handovers(handovers: Iterable[Handover]) -> None:
    """Have leased tasks handed over: to Yardmaster's own performers by three queues, to other workers by another."""
    by_queue: dict[str, list[Message]] = {}
    for handover in handovers:
        by_queue.setdefault(_handover_queue(handover), []).append(Message(asdict(handover)))
    for queue, messages in by_queue.items():
        sqs.send(queue, messages)


def _handover_queue(handover: Handover) -> str:
    if not handover.built_in:
        return settings().deliver_queue
    if handover.pool in WAITING_POOLS:
        return settings().models_queue
    is_recognition = registry.is_recognition(handover.performed_type)
    return settings().recognize_queue if is_recognition else settings().perform_queue


def enqueue_worker_messages(messages: Iterable[WorkerMessage]) -> None:
    """Have connected workers sent their commands; on the queue of the handovers."""
    sqs.send(settings().deliver_queue, [Message(asdict(message)) for message in messages])


def read_handover(body: Mapping[str, Any]) -> Handover:
    """The handover of one message."""
    return Handover(**body)


def read_handover_or_message(body: Mapping[str, Any]) -> Handover | WorkerMessage:
    """The handover or the worker message of one message."""
    return WorkerMessage(**body) if "greeting" in body else Handover(**body)


def enqueue_task_updates(updates: Iterable[TaskUpdate], occasion: str) -> None:
    """Have the updates sent to the clients that watch tasks: messages of each org, in order."""
    orgs: dict[str, list[TaskUpdate]] = {}
    for update in updates:
        orgs.setdefault(update.org, []).append(update)
    messages = [
        _task_updates_message(org, part, occasion)
        for org, group in orgs.items()
        for part in _split_into_messages(map(asdict, group), UPDATES_PER_MESSAGE)
    ]
    sqs.send(settings().live_queue, messages)


def _task_updates_message(org: str, updates: list[dict[str, Any]], occasion: str) -> Message:
    token = _digest(occasion, org, updates[0]["task_id"], str(updates[0]["version"]))
    body = {"org": org, "occasion": token, "updates": updates}
    return Message(body, group=_group_name(org), deduplication=token)


def enqueue_catch_up(org: str, connection_id: str) -> None:
    """Have a new watcher sent the updates that it missed, in order among the org's updates."""
    body = {"org": org, "connection": connection_id}
    sqs.send(settings().live_queue, [fifo_message(body, org, "join", connection_id)])


def read_task_updates(body: Mapping[str, Any]) -> list[TaskUpdate]:
    """The updates of one message; none of a message about a new watcher."""
    return [TaskUpdate(**(update | {"status": Status(update["status"])})) for update in body.get("updates", ())]


def enqueue_announcements(announcements: Iterable[Announcement], occasion: str) -> None:
    """Have the announcements of managed pools sent to their subscribers: messages of each org, in order."""
    orgs: dict[str, list[Announcement]] = {}
    for announcement in announcements:
        if announcement.pool in settings().managed_pools:
            orgs.setdefault(announcement.org, []).append(announcement)
    messages = [
        _announcements_message(org, part, occasion)
        for org, group in orgs.items()
        for part in _split_into_messages(map(asdict, group), ANNOUNCEMENTS_PER_MESSAGE)
    ]
    sqs.send(settings().announce_queue, messages)


def enqueue_subscription_catch_up(org: str, connection_id: str, name: str) -> None:
    """Have a new subscription sent the events that it missed, in order among the org's announcements."""
    body = {"org": org, "connection": connection_id, "subscription": name}
    # A client that subscribes again under the same name is sent them again.
    sqs.send(settings().announce_queue, [Message(body, group=_group_name(org), deduplication=ids.new("join"))])


def _announcements_message(org: str, announcements: list[dict[str, Any]], occasion: str) -> Message:
    token = _digest(occasion, org, announcements[0]["subject"], str(announcements[0]["version"]))
    body = {"org": org, "occasion": token, "announcements": announcements}
    return Message(body, group=_group_name(org), deduplication=token)


def read_announcements(body: Mapping[str, Any]) -> list[Announcement]:
    """The announcements of one message."""
    return [Announcement(**(each | {"topic": Topic(each["topic"])})) for each in body["announcements"]]


def enqueue_wakeups(wakeups: Iterable[Wakeup]) -> None:
    """Send the wakeups that a queue can delay, those of the next 15 minutes; the sweep finds the later ones."""
    now = clock.now()
    soon = [wakeup for wakeup in wakeups if wakeup.at - now <= MAX_DELAY_SECONDS * clock.SECOND]
    messages = [Message(asdict(wakeup), delay=_delay_seconds(wakeup.at - now)) for wakeup in soon]
    sqs.send(settings().wakeups_queue, messages)


def _delay_seconds(wait_ms: int) -> int:
    return max(0, -(-wait_ms // clock.SECOND))


def read_wakeup(body: Mapping[str, Any]) -> Wakeup:
    """The wakeup of one message."""
    return Wakeup(**{**body, "kind": WakeupKind(body["kind"])})


def enqueue_sweep_part(kind: str, shard: str, begun_at: int) -> None:
    """Have one part of the sweep that began at `begun_at` done by a function run of its own."""
    sqs.send(settings().sweeps_queue, [Message({"kind": kind, "shard": shard, "begun_at": begun_at})])
