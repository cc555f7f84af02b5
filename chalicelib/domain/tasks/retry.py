"""The delay before the next attempt: capped exponential backoff with full jitter."""

from typing import NamedTuple

MAX_RETRY_AFTER_MS = 24 * 3_600_000


class Backoff(NamedTuple):
    """Delays grow from `base_ms`, doubling with each attempt, and never exceed `cap_ms`."""

    base_ms: int
    cap_ms: int

    def ceiling(self, attempts: int) -> int:
        """The longest delay in milliseconds after `attempts` failed attempts (1 or more)."""
        return min(self.cap_ms, self.base_ms << min(attempts - 1, 40))

    def delay(self, attempts: int, chance: float) -> int:
        """The delay in milliseconds, evenly distributed from 0 to the ceiling by `chance` in [0, 1)."""
        return round(self.ceiling(attempts) * chance)


def delay_before_retry(backoff: Backoff, attempts: int, chance: float, retry_after_ms: int | None = None) -> int:
    """Milliseconds until the next attempt. A worker's own `retry_after_ms`, up to a day, replaces the backoff."""
    if retry_after_ms is None:
        return backoff.delay(attempts, chance)
    return min(max(retry_after_ms, 0), MAX_RETRY_AFTER_MS)
