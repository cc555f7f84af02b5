"""Pauses of a worker after failures: each doubles the one before, up to a maximum."""

FIRST_PAUSE_MS = 1_000
MAX_PAUSE_MS = 60_000
"""Of a worker that is online, between attempts."""
MAX_OFFLINE_PAUSE_MS = 900_000
"""Of a worker that is offline, between probes."""
SUSPECT_AFTER_FAILURES = 3
"""After so many failed attempts without a completion in between, a worker gets pauses."""
_MAX_DOUBLINGS = 20


def doubling_pause_ms(failures: int, longest_ms: int) -> int:
    """The pause in milliseconds after so many failures in a row (1 or more): 1 s, 2 s, 4 s, ..."""
    return min(longest_ms, FIRST_PAUSE_MS << min(failures - 1, _MAX_DOUBLINGS))


def pause_after_failures_ms(failures: int) -> int:
    """For how many milliseconds a worker gets no task after so many failed attempts in a row; 0 for a few."""
    if failures < SUSPECT_AFTER_FAILURES:
        return 0
    return doubling_pause_ms(failures - SUSPECT_AFTER_FAILURES + 1, MAX_PAUSE_MS)
