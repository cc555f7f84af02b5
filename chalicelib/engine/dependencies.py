"""What the house stands on, asked just now: whether it answers, and how long that takes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.errors import Unavailable
from chalicelib.storage import access, base, queues


class Answer(NamedTuple):
    """How one dependency answered; `milliseconds` until it did, or until it was given up."""

    healthy: bool
    milliseconds: float


def connections() -> int:
    """How many connections to the database this process has opened."""
    return base.connections()


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
    "queue": lambda: queues.depth(settings().dispatch_queue),
}
