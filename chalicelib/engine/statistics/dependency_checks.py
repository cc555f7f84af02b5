"""What the house stands on, asked just now: whether it answers, and how long that takes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.errors import Unavailable
from chalicelib.storage.access import table as access
from chalicelib.storage.aws import dynamodb, sqs


class Answer(NamedTuple):
    """How one dependency answered; `milliseconds` until it did, or until it was given up."""

    healthy: bool
    milliseconds: float


def connections() -> int:
    """How many connections to the database this process has opened."""
    return dynamodb.connections()


def look() -> dict[str, Answer]:
    """The database and the queues, each asked once, side by side."""
    with ThreadPoolExecutor(len(_PROBES)) as threads:
        return dict(zip(_PROBES, threads.map(_timed, _PROBES.values()), strict=True))


def _timed(probe: Callable[[], object]) -> Answer:
    started = clock.stopwatch()
    try:
        probe()
    except Unavailable:
        return Answer(False, _since(started))
    return Answer(True, _since(started))


def _since(started: float) -> float:
    return round((clock.stopwatch() - started) * clock.SECOND, 1)


_PROBES: dict[str, Callable[[], object]] = {
    "database": lambda: access.look_up("nobody"),
    "queue": lambda: sqs.depth(settings().dispatch_queue),
}
