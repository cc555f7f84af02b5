"""CPU and memory usage of this process (in Lambda: of this instance of the function)."""

import os
import resource
import sys
from pathlib import Path
from typing import NamedTuple

from chalicelib import clock

MEGABYTE = 1024 * 1024
MEMORY_PER_CPU_MB = 1769
"""Lambda gives a function one CPU for each so many megabytes of memory."""
MIN_INTERVAL_S = 1.0
"""Shorter intervals give no meaningful share."""


class _Sample:
    """CPU seconds used by the process at an instant, and the share since the sample before."""

    def __init__(self) -> None:
        self.used, self.at, self.share = _cpu_seconds(), clock.stopwatch(), 0.0


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


_last_sample = _Sample()
_started_at = clock.stopwatch()


def cpu_share() -> float:
    """The share (0-1) of its CPUs that the process has used since the last sample, at least a second ago."""
    global _last_sample
    sample = _Sample()
    elapsed_s = sample.at - _last_sample.at
    if elapsed_s < MIN_INTERVAL_S:
        return _last_sample.share
    sample.share = min(1.0, (sample.used - _last_sample.used) / elapsed_s / _cpu_count())
    _last_sample = sample
    return sample.share


def _cpu_count() -> float:
    megabytes = _lambda_megabytes()
    return megabytes / MEMORY_PER_CPU_MB if megabytes else float(os.cpu_count() or 1)


def _lambda_megabytes() -> int:
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0"))


def uptime_seconds() -> float:
    """Seconds since this process started."""
    return round(clock.stopwatch() - _started_at, 3)


def uptime_s() -> int:
    """Whole seconds since this process started."""
    return round(uptime_seconds())


def memory_megabytes() -> int:
    """Peak memory of the process in megabytes."""
    return round(_peak_bytes() / MEGABYTE)


def memory_share() -> float:
    """Peak memory of the process as a share (0-1) of the function's memory in Lambda, elsewhere of the machine's."""
    available = _lambda_megabytes() * MEGABYTE or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(1.0, _peak_bytes() / available)


class Memory(NamedTuple):
    """The memory of the machine, in Lambda of the instance's own virtual machine, in bytes."""

    total: int
    available: int


def machine_memory() -> Memory:
    """The memory now, as the Linux kernel counts it; elsewhere what this process leaves of it."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Memory(total, max(0, total - _peak_bytes()))
    kilobytes = {name: int(text.split()[0]) for name, _, text in (line.partition(":") for line in lines)}
    return Memory(kilobytes["MemTotal"] * 1024, kilobytes["MemAvailable"] * 1024)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
