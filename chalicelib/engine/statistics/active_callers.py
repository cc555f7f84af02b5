"""How many callers an API had in a day, week and month (UTC): each counts once in each of them."""

from chalicelib import clock
from chalicelib.domain.statistics import counters
from chalicelib.domain.statistics.counters import Counts, Row
from chalicelib.domain.statistics.periods import Period, period_start
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import Unavailable
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.statistics import callers

PERIODS = (Period.DAY, Period.WEEK, Period.MONTH)

_days: TtlCache[tuple[str, str, str], int] = TtlCache(clock.DAY)
"""The latest day that is recorded of each caller."""


def count_caller(org: str, api: str, subject: str) -> dict[Row, Counts]:
    """What a request adds to the rows of the periods that its caller is new in. One call for a caller's first request
    of a day to this process, else none. Where the table is busy, a later request counts."""
    now = clock.now()
    caller, today = (org, api, subject), counters.day_of(now)
    if _days.get(caller) == today:
        return {}
    try:
        before = callers.mark_day(*caller, today)
    except Unavailable:
        return {}
    except ConditionFailed:  # another process has counted it
        before = today
    _days.put(caller, today)
    starts = {period: counters.day_of(period_start(period, now)) for period in PERIODS}
    return {
        counters.callers_row(org, api, period, start): Counts({"callers": 1})
        for period, start in starts.items()
        if before is None or before < start
    }
