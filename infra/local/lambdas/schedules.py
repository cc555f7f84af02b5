"""Schedules: when the next run is due, and the source that starts it."""

from chalice.app import Cron, Rate, ScheduleExpression

from chalicelib import clock
from chalicelib.config import settings
from infra.local.lambdas import events
from infra.local.lambdas.sources import Invoke, Job

_UNITS = {Rate.MINUTES: clock.MINUTE, Rate.HOURS: clock.HOUR, Rate.DAYS: clock.DAY}
RETRY_AFTER = clock.MINUTE


def next_run_at(expression: ScheduleExpression, after: int) -> int:
    """The first instant after `after`, in epoch milliseconds, at which the schedule is due.

    Cron expressions may name times of the day in UTC. Raises ValueError for one that names days.
    """
    if isinstance(expression, Rate):
        return after + int(expression.value * _UNITS[expression.unit])
    if not isinstance(expression, Cron) or not _is_daily(expression):
        raise ValueError(f"The local stack does not support this schedule: {expression.to_string()}")
    first = (after // clock.MINUTE + 1) * clock.MINUTE
    minutes = range(first, first + clock.DAY, clock.MINUTE)
    return next(at for at in minutes if _is_due_at(expression, at))


def _is_daily(cron: Cron) -> bool:
    return {cron.day_of_month, cron.month, cron.day_of_week, cron.year} <= {"*", "?"}


def _is_due_at(expression: Cron, at: int) -> bool:
    moment = clock.utc(at)
    return str(expression.minutes) in ("*", str(moment.minute)) and str(expression.hours) in ("*", str(moment.hour))


class ScheduleSource:
    """A schedule. A run that fails is repeated after a minute if `retried`. Missed runs are not made up for."""

    concurrency = 1
    has_more = True
    pace = 0.0

    def __init__(self, name: str, expression: ScheduleExpression, retried: bool, invoke: Invoke) -> None:
        self.name = name
        self._expression, self._retried, self._invoke = expression, retried, invoke
        self._next_at = next_run_at(expression, clock.now())

    def take(self) -> Job | None:
        return self._run if clock.now() >= self._next_at else None

    def wait_seconds(self) -> float:
        # Not until the next run, because a test may move the clock.
        return 1.0

    def _run(self) -> None:
        due_at, now = self._next_at, clock.now()
        self._next_at = next_run_at(self._expression, now)
        try:
            self._invoke(events.tick(self.name, due_at, settings().region))
        except Exception:
            if self._retried:
                self._next_at = min(self._next_at, now + RETRY_AFTER)
            raise
