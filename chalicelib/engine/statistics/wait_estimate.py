"""How long a submitted task will take, and whether one more may wait at all.

Both rest on a pool's figures, which follow within a second or so and which a process believes for two.
"""

from dataclasses import dataclass
from typing import NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.tasks.task import Task
from chalicelib.engine.statistics import recent
from chalicelib.engine.statistics.recent import Recent
from chalicelib.engine.tasks import submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import QueueFull
from chalicelib.storage.tasks import listing

BELIEVED_MS = 2 * clock.SECOND
FURTHEST = 1000
"""Positions are counted so far: a place further back is told as this one's."""
UNMEASURED_MS = 1000.0
"""What a task is taken to last while none has ended lately."""


class Forecast(NamedTuple):
    """When a task may be expected."""

    position: int
    """Its place among the tasks that wait for the same kind of worker; 1 is next, 0 no longer waits."""
    milliseconds: float
    """Until its end, by what was measured lately."""


@dataclass
class _Believed:
    """A pool's figures, and how many tasks this process has accepted since it read them."""

    figures: Recent
    accepted: int = 0


_believed: TtlCache[tuple[str, str], _Believed] = TtlCache(BELIEVED_MS)


def submit(org: str, subject: str, asked: Submission) -> tuple[Task, Forecast]:
    """Accept a task as `submissions.submit` does, and say when it may be expected. Two calls, and sometimes one more.

    Raises QueueFull when as many tasks of the pool wait as the deployment allows.
    """
    believed = _figures(org, asked.pool)
    _require_room(asked.pool, believed)
    task = submission.submit(org, subject, asked)
    believed.accepted += 1
    return task, of(task, believed.figures)


def _figures(org: str, pool: str) -> _Believed:
    cached = _believed.get((org, pool))
    return cached if cached is not None else _believed.put((org, pool), _Believed(recent.read(org, pool)))


def _require_room(pool: str, believed: _Believed) -> None:
    limit = settings().queue_limits.get(pool, 0)
    waiting = believed.figures.gauges["pending"] + believed.accepted
    if limit and waiting >= limit:
        raise QueueFull(f"The queue is full: {waiting} of at most {limit} tasks wait; try again later", limit=limit)


def of(task: Task, figures: Recent) -> Forecast:
    """The forecast of a task that was just submitted. One call, none for one that does not wait."""
    place = 1 + listing.count_ahead(task, FURTHEST - 1) if task.queued else 0
    return Forecast(place, _expected_ms(place, figures))


def _expected_ms(place: int, figures: Recent) -> float:
    """Those before it at the measured rate and then its own attempt, but no less than tasks have taken lately.

    A quiet pool completes little because little is asked of it: its rate is at least that of the tasks held now, each
    at the mean time of an attempt.
    """
    lately = figures.tasks
    if not lately["taken"]:
        return UNMEASURED_MS * max(1, place)
    attempt = max(1.0, lately["took_ms"] / lately["taken"])
    rate = max(figures.done_a_second / clock.SECOND, max(1, figures.gauges["active"]) / attempt)
    return max(lately.whole_average_ms, max(0, place - 1) / rate + attempt)
