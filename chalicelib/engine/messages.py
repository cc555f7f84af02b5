"""The words on the queues: how effects travel between functions, there and back."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.effects import Delivery, Nudge, Wakeup
from chalicelib.domain.tasks import Needs
from chalicelib.storage import queues
from chalicelib.storage.queues import LONGEST_DELAY_SECONDS, Message

NUDGES_PER_MESSAGE = 100


def nudge(nudges: Iterable[Nudge], occasion: str) -> None:
    """Send nudges, gathered into one message for each pool; `occasion` names what they follow from, once and for all:
    the same occasion twice within five minutes is one nudge."""
    pools: dict[tuple[str, str], list[Nudge]] = {}
    for one in nudges:
        pools.setdefault((one.org, one.pool), []).append(one)
    queues.send(
        settings().dispatch_queue,
        [_nudging(org, pool, part, occasion) for (org, pool), found in pools.items() for part in _parts(found)],
    )


def _parts(found: list[Nudge]) -> list[list[Nudge]]:
    named = [one for one in found if one.task_id is not None] or found[:1]
    return [named[start : start + NUDGES_PER_MESSAGE] for start in range(0, len(named), NUDGES_PER_MESSAGE)]


def _nudging(org: str, pool: str, nudges: list[Nudge], occasion: str) -> Message:
    tasks = [_named(one) for one in nudges if one.task_id is not None]
    body = {"org": org, "pool": pool, "tasks": tasks}
    first = nudges[0].task_id or ""
    token = hashlib.sha256(f"{occasion}|{org}|{pool}|{first}".encode()).hexdigest()
    return Message(body, group=f"{org}#{pool}"[:128], deduplication=token)


def _named(one: Nudge) -> dict[str, Any]:
    needs = one.needs or Needs()
    return {
        "id": one.task_id,
        "lane": one.lane,
        "capabilities": sorted(needs.capabilities),
        "group": needs.group,
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
            needs=Needs(capabilities=frozenset(task["capabilities"]), group=task["group"]),
        )
        for task in body["tasks"]
    ]
    return named or [Nudge(org=org, pool=pool)]


def deliver(deliveries: Iterable[Delivery]) -> None:
    """Send deliveries on their way."""
    queues.send(settings().deliver_queue, [Message(asdict(one)) for one in deliveries])


def read_delivery(body: Mapping[str, Any]) -> Delivery:
    """The delivery of one message."""
    return Delivery(**body)


def wake(wakeups: Iterable[Wakeup]) -> None:
    """Send the wakeups that a queue can delay; the sweep finds the later ones."""
    now = clock.now()
    soon = [one for one in wakeups if one.at - now <= LONGEST_DELAY_SECONDS * clock.SECOND]
    queues.send(settings().wakeups_queue, [Message(asdict(one), delay=_seconds(one.at - now)) for one in soon])


def _seconds(milliseconds: int) -> int:
    return max(0, -(-milliseconds // clock.SECOND))


def read_wakeup(body: Mapping[str, Any]) -> Wakeup:
    """The wakeup of one message."""
    return Wakeup(**body)
