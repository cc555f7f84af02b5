"""The only source of time.

`now` may step back when a machine's clock is set; `steady` measures durations within one process.

Every instant is an integer of milliseconds since the Unix epoch, in UTC. Tests and the local stack replace the clock
with `use`. No other module may read the time or sleep.
"""

import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """A source of time in epoch milliseconds that can also sleep."""

    def now(self) -> int: ...

    def sleep(self, seconds: float) -> None: ...

    def stopwatch(self) -> float: ...

    def steady(self) -> int: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def stopwatch(self) -> float:
        return time.perf_counter()

    def steady(self) -> int:
        return time.monotonic_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until it is moved; sleeping moves it."""

    def __init__(self, start: int) -> None:
        self._now = self._steady = start

    def now(self) -> int:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def stopwatch(self) -> float:
        return self._steady / SECOND

    def steady(self) -> int:
        return self._steady

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += round(seconds * SECOND)
        self._steady += round(seconds * SECOND)

    def step(self, seconds: float) -> None:
        """Set the clock forward or back without letting time pass."""
        self._now += round(seconds * SECOND)


_clock: Clock = SystemClock()


def use(clock: Clock) -> Clock:
    """Make `clock` the source of time for the whole process; returns the one it replaces."""
    global _clock
    previous, _clock = _clock, clock
    return previous


def now() -> int:
    """The present instant, in epoch milliseconds."""
    return _clock.now()


def sleep(seconds: float) -> None:
    """Let `seconds` pass."""
    _clock.sleep(seconds)


def stopwatch() -> float:
    """Precise seconds since an arbitrary instant: the difference of two is the time between them."""
    return _clock.stopwatch()


def steady() -> int:
    """Milliseconds since an arbitrary instant. Setting the clock does not change them; other processes have others."""
    return _clock.steady()


def utc(instant: int) -> datetime:
    """The instant as an aware datetime in UTC."""
    return datetime.fromtimestamp(instant / SECOND, UTC)


def iso(instant: int) -> str:
    """The instant as the APIs write it: ISO 8601 in UTC, in whole seconds, with Z."""
    return utc(instant).strftime("%Y-%m-%dT%H:%M:%SZ")
