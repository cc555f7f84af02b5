"""Chores: what must get done in the background, however often the house dies over it.

A chore is a small document of the house's own, written in the same transaction as what gives rise to it, and removed
when nothing of it is left. In between it is carried out in steps that may each be done twice: at once by a wakeup,
which the relay sends whenever the document is written, and by the sweep where that message was lost.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.document import CHORE, HOUSE, Document
from chalicelib.domain.tasks.retry import Backoff
from chalicelib.engine.documents import documents
from chalicelib.observability import count, logger
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Refused, Write
from chalicelib.storage.documents import documents as storage

TURN_SECONDS = 4
"""A chore that takes longer goes on in a turn of its own, so that those beside it get theirs: a batch of ten wakeups
has to fit into the minute of its function."""
HEAD_START_SECONDS = 30
"""For so long the sweep leaves a chore to its wakeup."""
BACKOFF = Backoff(10 * clock.SECOND, 15 * clock.MINUTE)


class Chore(NamedTuple):
    """One thing to get done. What the facts mean is its kind's own matter; they are JSON."""

    org: str
    kind: str
    subject: str  # id of what it is about
    facts: Mapping[str, Any] = {}


Step = Callable[[Chore], bool]
"""Does a part of the chore, in a few seconds at most, and says whether nothing is left. It may be done again, also by
two at once; what it finds done already it passes over."""
Steps = Mapping[str, Step]
"""Kind -> step (`chore_steps.STEPS`)."""


def begun(org: str, kind: str, subject: str, *, wait_seconds: int = 0, **facts: Any) -> Write:
    """The write that has a chore carried out; commit it together with what gives rise to it.

    It is carried out about a second later, or after so many seconds; within two minutes when a message is lost, and
    again after at most 15 minutes, for ever, as long as it fails.
    """
    identifier, due_at = ids.ordered(CHORE), clock.now() + wait_seconds * clock.SECOND
    body = {"chore": Chore(org, kind, subject, facts)._asdict(), "due_at": due_at, "failures": 0}
    return storage.created(documents.new(HOUSE, CHORE, body, id=identifier))


def due(now: int) -> Iterator[tuple[str, str]]:
    """(id, org) of the chores that no wakeup has dealt with in time, oldest first; read as they are asked for.

    One shelf for all, so that a minute without chores costs one call. It takes a thousand writes a second, and a chore
    is three of them.
    """
    late = now - HEAD_START_SECONDS * clock.SECOND
    for found in storage.every(HOUSE, CHORE, newest=False):
        if found.body["due_at"] <= late:
            yield found.id, str(found.body["chore"]["org"])


def carry_out(identifier: str, steps: Steps) -> None:
    """Give a chore its turn. One that is gone is done, or not due after all; one that fails stays for later."""
    found = storage.find(HOUSE, CHORE, identifier)
    if found is None or found.body["due_at"] > clock.now():
        return
    try:
        done = _worked(Chore(**found.body["chore"]), steps)
    except Exception as error:  # noqa: BLE001 - logged, and tried again
        after = storage.changed(found, _postponed(found, error))
    else:
        after = storage.deleted(found) if done else storage.changed(found, _due_in(found, 0))
    with suppress(Refused):  # somebody else was at it, too, and has written what comes next
        dynamodb.commit(after)


def _worked(chore: Chore, steps: Steps) -> bool:
    """Step by step until nothing is left, which is True, or its turn is over."""
    until = clock.steady() + TURN_SECONDS * clock.SECOND
    while not (done := steps[chore.kind](chore)) and clock.steady() < until:
        pass
    return done


def _postponed(found: Document, error: Exception) -> Document:
    logger().error("A chore failed, and stays", extra={"chore": found.body["chore"]}, exc_info=error)
    count("ChoreFailed")
    failures = found.body["failures"] + 1
    return _due_in(found, max(clock.SECOND, BACKOFF.delay(failures, ids.fraction())), failures=failures)


def _due_in(found: Document, milliseconds: int, failures: int = 0) -> Document:
    now = clock.now()
    body = {**found.body, "due_at": now + milliseconds, "failures": failures}
    return replace(found, body=body, version=found.version + 1, updated_at=now)
