"""How busy the function instance is that runs this: its share of the processor and of the memory that it has."""

import os
import resource
import sys

from chalicelib import clock

MEGABYTE = 1024 * 1024
MEMORY_OF_A_CPU_MB = 1769
"""What buys a whole processor of Lambda's."""
SHORTEST_LOOK = 1.0
"""Seconds; a share of less time than this would be chance."""


class _Look:
    """Processor seconds that the process had used, and when."""

    def __init__(self) -> None:
        self.used, self.at, self.share = _used(), clock.stopwatch(), 0.0


def _used() -> float:
    times = os.times()
    return times.user + times.system


_last = _Look()
_born = clock.stopwatch()


def cpu_share() -> float:
    """How much of its processors (0-1) the process has used since it was asked before, a second ago at least."""
    global _last
    look = _Look()
    spent = look.at - _last.at
    if spent < SHORTEST_LOOK:
        return _last.share
    look.share = min(1.0, (look.used - _last.used) / spent / _processors())
    _last = look
    return look.share


def _processors() -> float:
    megabytes = _lambda_megabytes()
    return megabytes / MEMORY_OF_A_CPU_MB if megabytes else float(os.cpu_count() or 1)


def _lambda_megabytes() -> int:
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0"))


def uptime() -> int:
    """Whole seconds since this process began to serve."""
    return round(clock.stopwatch() - _born)


def memory_megabytes() -> int:
    """How much memory the process has filled at most."""
    return round(_peak() / MEGABYTE)


def memory_share() -> float:
    """How much of its memory (0-1) the process has filled at most: of the function's in Lambda, else the machine's."""
    owned = _lambda_megabytes() * MEGABYTE or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(1.0, _peak() / owned)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
