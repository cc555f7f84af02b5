"""Estimates of when a submitted task ends, and the limit of pending tasks of a pool.

Both use the figures of the pool, which follow within about a second and which a process caches for two seconds.
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

CACHE_MS = 2 * clock.SECOND
MAX_POSITION = 1000
"""Positions are counted up to this one; a task further back gets the same."""
DEFAULT_DURATION_MS = 1000.0
"""The assumed duration of a task while none has ended in the last hours."""


class WaitEstimate(NamedTuple):
    """The estimate for one task."""

    position: int
    """Its position among the tasks of its lane that wait: 1 is next, 0 does not wait."""
    remaining_ms: float
    """Until its end, by the figures of the last hours."""


@dataclass
class _PoolFigures:
    """Cached figures of a pool, and the number of tasks that this process has accepted since it read them."""

    figures: Recent
    accepted: int = 0


_figures_by_pool: TtlCache[tuple[str, str], _PoolFigures] = TtlCache(CACHE_MS)


def submit_with_estimate(org: str, subject: str, submitted: Submission) -> tuple[Task, WaitEstimate]:
    """Accept a task as `submission.submit` does, and estimate its wait. Two calls, and sometimes one more.

    Raises QueueFull when the pool has as many pending tasks as the deployment allows, unless the task is one of them:
    a repetition adds none.
    """
    cached = _figures(org, submitted.pool)
    try:
        _require_below_limit(submitted.pool, cached)
    except QueueFull:
        earlier = submission.find_repeated(org, subject, submitted)
        if earlier is None:
            raise
        return earlier, estimate_wait(earlier, cached.figures)
    task = submission.submit(org, subject, submitted)
    cached.accepted += 1
    return task, estimate_wait(task, cached.figures)


def _figures(org: str, pool: str) -> _PoolFigures:
    cached = _figures_by_pool.get((org, pool))
    if cached is not None:
        return cached
    return _figures_by_pool.put((org, pool), _PoolFigures(recent.read_recent(org, pool)))


def _require_below_limit(pool: str, cached: _PoolFigures) -> None:
    limit = settings().queue_limits.get(pool, 0)
    waiting = cached.figures.gauges["pending"] + cached.accepted
    if limit and waiting >= limit:
        raise QueueFull(f"The queue is full: {waiting} of at most {limit} tasks wait; try again later", limit=limit)


def estimate_wait(task: Task, figures: Recent) -> WaitEstimate:
    """The estimate for a task that was just submitted. One call; none for a task that does not wait."""
    position = 1 + listing.count_ahead(task, MAX_POSITION - 1) if task.is_queued else 0
    return WaitEstimate(position, _expected_ms(position, figures))


def _expected_ms(position: int, figures: Recent) -> float:
    """The tasks before it at the measured rate, then its own attempt; at least the mean total time of recent tasks.

    A quiet pool completes few tasks because it gets few. So the rate is at least that of the tasks held now, at the
    mean duration of an attempt.
    """
    recent_tasks = figures.tasks
    if not recent_tasks["taken"]:
        return DEFAULT_DURATION_MS * max(1, position)
    attempt = max(1.0, recent_tasks["took_ms"] / recent_tasks["taken"])
    rate = max(figures.completions_per_second / clock.SECOND, max(1, figures.gauges["active"]) / attempt)
    return max(recent_tasks.whole_average_ms, max(0, position - 1) / rate + attempt)
