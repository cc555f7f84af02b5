"""The words on the queues: how effects travel between functions, there and back."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.changes.effects import Announcement, Call, Delivery, Nudge, Topic, Update, Wakeup
from chalicelib.domain.tasks.task import Needs, Permit, Status
from chalicelib.storage.aws import sqs
from chalicelib.storage.aws.sqs import LONGEST_DELAY_SECONDS, Message

_GROUP = re.compile("[!-~]{1,128}")
NUDGES_PER_MESSAGE = 100
ANNOUNCEMENTS_PER_MESSAGE = 20
"""Each is told to as many as asked for it, within one function's time."""
UPDATES_PER_MESSAGE = 90
"""They are written down in one transaction, which holds a hundred items."""
BYTES_PER_MESSAGE = 256 * 1024
"""What is gathered into one message: a quarter of what SQS takes."""


def nudge(nudges: Iterable[Nudge], occasion: str) -> None:
    """Send nudges, gathered into one message for each pool; `occasion` names what they follow from, once and for all:
    the same occasion twice within five minutes is one nudge."""
    pools: dict[tuple[str, str], list[Nudge]] = {}
    for one in nudges:
        pools.setdefault((one.org, one.pool), []).append(one)
    sqs.send(
        settings().dispatch_queue,
        [_nudging(org, pool, part, occasion) for (org, pool), found in pools.items() for part in _parts(found)],
    )


def _parts(found: list[Nudge]) -> Iterator[list[dict[str, Any]]]:
    """The nudges of one pool as they travel; one part without any when none names a task."""
    named = [_named(one) for one in found if one.task_id is not None]
    return _gathered(named, NUDGES_PER_MESSAGE) if named else iter([[]])


def _gathered(bodies: Iterable[dict[str, Any]], most: int) -> Iterator[list[dict[str, Any]]]:
    """The bodies in order, as many together as one message carries: at most `most`, and BYTES_PER_MESSAGE of JSON."""
    part: list[dict[str, Any]] = []
    size = 0
    for body in bodies:
        length = len(json.dumps(body))
        if part and (len(part) == most or size + length > BYTES_PER_MESSAGE):
            yield part
            part, size = [], 0
        part.append(body)
        size += length
    if part:
        yield part


def _nudging(org: str, pool: str, tasks: list[dict[str, Any]], occasion: str) -> Message:
    body = {"org": org, "pool": pool, "tasks": tasks}
    first = tasks[0]["id"] if tasks else ""
    return Message(body, group=_group(f"{org}#{pool}"), deduplication=_token(occasion, org, pool, first))


def in_lane(body: Mapping[str, Any], lane: str, *occasion: str) -> Message:
    """A message of a FIFO queue: those of a lane are handled one after the other, and the same occasion twice within
    five minutes is one message."""
    return Message(body, group=_group(lane), deduplication=_token(*occasion))


def _group(name: str) -> str:
    """A FIFO group's name: itself, or what stands for it where SQS would refuse it."""
    return name if _GROUP.fullmatch(name) else _token(name)


def _token(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def _named(one: Nudge) -> dict[str, Any]:
    needs = one.needs or Needs()
    return {
        "id": one.task_id,
        "lane": one.lane,
        "capabilities": sorted(needs.capabilities),
        "group": needs.group,
        "worker": needs.worker,
        "permit": needs.permit,
    }


def read_nudges(body: Mapping[str, Any]) -> list[Nudge]:
    """The nudges of one message; one without a task when it names none."""
    org, pool = body["org"], body["pool"]
    named = [
        Nudge(
            org=org,
            pool=pool,
            task_id=task["id"],
            lane=task["lane"],
            needs=Needs(
                frozenset(task["capabilities"]),
                task["group"],
                task.get("worker"),
                Permit(*task["permit"]) if task.get("permit") else None,
            ),
        )
        for task in body["tasks"]
    ]
    return named or [Nudge(org=org, pool=pool)]


def deliver(deliveries: Iterable[Delivery]) -> None:
    """Send deliveries on their way: to the house's own performers, or out."""
    found = list(deliveries)
    sqs.send(settings().perform_queue, [Message(asdict(one)) for one in found if one.built_in])
    sqs.send(settings().deliver_queue, [Message(asdict(one)) for one in found if not one.built_in])


def call(calls: Iterable[Call]) -> None:
    """Send on its way what connected workers are to be told; it travels with the deliveries."""
    sqs.send(settings().deliver_queue, [Message(asdict(one)) for one in calls])


def read_delivery(body: Mapping[str, Any]) -> Delivery:
    """The delivery of one message."""
    return Delivery(**body)


def read_handed(body: Mapping[str, Any]) -> Delivery | Call:
    """The delivery or the call of one message."""
    return Call(**body) if "greeting" in body else Delivery(**body)


def update(updates: Iterable[Update], occasion: str) -> None:
    """Send what watchers are to see, gathered into messages for each org, in order; `occasion` as for `nudge`."""
    orgs: dict[str, list[Update]] = {}
    for one in updates:
        orgs.setdefault(one.org, []).append(one)
    sqs.send(
        settings().live_queue,
        [
            _updating(org, part, occasion)
            for org, found in orgs.items()
            for part in _gathered(map(asdict, found), UPDATES_PER_MESSAGE)
        ],
    )


def _updating(org: str, updates: list[dict[str, Any]], occasion: str) -> Message:
    token = _token(occasion, org, updates[0]["task_id"], str(updates[0]["version"]))
    body = {"org": org, "occasion": token, "updates": updates}
    return Message(body, group=_group(org), deduplication=token)


def catch_up(org: str, connection_id: str) -> None:
    """Have a new watcher told what it missed, in its turn among the org's updates."""
    body = {"org": org, "connection": connection_id}
    sqs.send(settings().live_queue, [Message(body, group=_group(org), deduplication=_token("join", connection_id))])


def read_updates(body: Mapping[str, Any]) -> list[Update]:
    """The updates of one message; none of one that is about a new watcher."""
    return [Update(**(one | {"status": Status(one["status"])})) for one in body.get("updates", ())]


def announce(announcements: Iterable[Announcement], occasion: str) -> None:
    """Send what is to be announced of managed pools, gathered into messages for each org, in order; `occasion` as for
    `nudge`."""
    orgs: dict[str, list[Announcement]] = {}
    for one in announcements:
        if one.pool in settings().managed_pools:
            orgs.setdefault(one.org, []).append(one)
    sqs.send(
        settings().announce_queue,
        [
            _announcing(org, part, occasion)
            for org, found in orgs.items()
            for part in _gathered(map(asdict, found), ANNOUNCEMENTS_PER_MESSAGE)
        ],
    )


def join(org: str, connection_id: str, name: str) -> None:
    """Have a new subscription told what it missed, in its turn among the org's announcements."""
    body = {"org": org, "connection": connection_id, "subscription": name}
    # Subscribed to anew under the same name, it is told anew.
    sqs.send(settings().announce_queue, [Message(body, group=_group(org), deduplication=ids.new("join"))])


def _announcing(org: str, found: list[dict[str, Any]], occasion: str) -> Message:
    token = _token(occasion, org, found[0]["subject"], str(found[0]["version"]))
    body = {"org": org, "occasion": token, "announcements": found}
    return Message(body, group=_group(org), deduplication=token)


def read_announcements(body: Mapping[str, Any]) -> list[Announcement]:
    """The announcements of one message."""
    return [Announcement(**(one | {"topic": Topic(one["topic"])})) for one in body["announcements"]]


def wake(wakeups: Iterable[Wakeup]) -> None:
    """Send the wakeups that a queue can delay; the sweep finds the later ones."""
    now = clock.now()
    soon = [one for one in wakeups if one.at - now <= LONGEST_DELAY_SECONDS * clock.SECOND]
    sqs.send(settings().wakeups_queue, [Message(asdict(one), delay=_seconds(one.at - now)) for one in soon])


def sweep(kind: str, shard: str, begun_at: int) -> None:
    """Have one part of the sweep that began then done by a function run of its own."""
    sqs.send(settings().sweeps_queue, [Message({"kind": kind, "shard": shard, "begun_at": begun_at})])


def _seconds(milliseconds: int) -> int:
    return max(0, -(-milliseconds // clock.SECOND))


def read_wakeup(body: Mapping[str, Any]) -> Wakeup:
    """The wakeup of one message."""
    return Wakeup(**body)
