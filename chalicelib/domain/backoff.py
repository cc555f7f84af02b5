"""Pauses that double with every failure, up to a longest one."""

FIRST_PAUSE_MS = 1_000
MAX_PAUSE_MS = 60_000
"""Of a worker that is online."""
MAX_OFFLINE_PAUSE_MS = 900_000
"""Between probes of a worker that is offline."""
SUSPECT_AFTER_FAILURES = 3
"""So many failed attempts, with no completion in between, make a worker suspect."""
_MAX_DOUBLINGS = 20


def doubling_pause_ms(failures: int, longest_ms: int) -> int:
    """The pause in milliseconds after so many failures in a row (1 or more): 1 s, 2 s, 4 s, ..."""
    return min(longest_ms, FIRST_PAUSE_MS << min(failures - 1, _MAX_DOUBLINGS))


def pause_after_failures_ms(failures: int) -> int:
    """How many milliseconds a worker is left alone after so many failed attempts in a row; 0 for a few."""
    if failures < SUSPECT_AFTER_FAILURES:
        return 0
    return doubling_pause_ms(failures - SUSPECT_AFTER_FAILURES + 1, MAX_PAUSE_MS)
