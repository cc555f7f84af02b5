"""Pauses that double with every failure, up to a longest one."""

FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 60_000
"""Of a worker that is online."""
LONGEST_OFFLINE_PAUSE_MS = 900_000
"""Between probes of a worker that is offline."""
FAILURES_IN_A_ROW = 3
"""So many failed attempts, with no completion in between, make a worker suspect."""
_MOST_DOUBLINGS = 20


def doubling(failures: int, longest_ms: int) -> int:
    """The pause in milliseconds after so many failures in a row (1 or more): 1 s, 2 s, 4 s, ..."""
    return min(longest_ms, FIRST_PAUSE_MS << min(failures - 1, _MOST_DOUBLINGS))


def after_failures(failures: int) -> int:
    """How many milliseconds a worker is left alone after so many failed attempts in a row; 0 for a few."""
    if failures < FAILURES_IN_A_ROW:
        return 0
    return doubling(failures - FAILURES_IN_A_ROW + 1, LONGEST_PAUSE_MS)
