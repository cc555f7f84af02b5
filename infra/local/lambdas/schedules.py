"""When a schedule's next turn is, and the source that takes it."""

from chalice.app import Cron, Rate, ScheduleExpression

from chalicelib import clock
from chalicelib.config import settings
from infra.local.lambdas import events
from infra.local.lambdas.sources import Invoke, Job

_UNITS = {Rate.MINUTES: clock.MINUTE, Rate.HOURS: clock.HOUR, Rate.DAYS: clock.DAY}
RETRY_AFTER = clock.MINUTE


def next_turn(expression: ScheduleExpression, after: int) -> int:
    """The first instant after `after` at which the schedule is due; of cron, times of the day in UTC are understood.

    Raises ValueError for a cron expression that asks for particular days.
    """
    if isinstance(expression, Rate):
        return after + int(expression.value * _UNITS[expression.unit])
    if not isinstance(expression, Cron) or not _daily(expression):
        raise ValueError(f"Not understood on this machine: {expression.to_string()}")
    first = (after // clock.MINUTE + 1) * clock.MINUTE
    minutes = range(first, first + clock.DAY, clock.MINUTE)
    return next(at for at in minutes if _matches(expression, at))


def _daily(cron: Cron) -> bool:
    return {cron.day_of_month, cron.month, cron.day_of_week, cron.year} <= {"*", "?"}


def _matches(expression: Cron, at: int) -> bool:
    moment = clock.utc(at)
    return str(expression.minutes) in ("*", str(moment.minute)) and str(expression.hours) in ("*", str(moment.hour))


class ScheduleSource:
    """A schedule. A turn that fails is taken again after a minute if `retried`; turns missed are not made up for."""

    concurrency = 1
    has_more = True
    pace = 0.0

    def __init__(self, name: str, expression: ScheduleExpression, retried: bool, invoke: Invoke) -> None:
        self.name = name
        self._expression, self._retried, self._invoke = expression, retried, invoke
        self._next = next_turn(expression, clock.now())

    def take(self) -> Job | None:
        return self._run if clock.now() >= self._next else None

    def patience(self) -> float:
        # The clock may be moved, so that the time until the next turn says little.
        return 1.0

    def _run(self) -> None:
        due, now = self._next, clock.now()
        self._next = next_turn(self._expression, now)
        try:
            self._invoke(events.tick(self.name, due, settings().region))
        except Exception:
            if self._retried:
                self._next = min(self._next, now + RETRY_AFTER)
            raise
