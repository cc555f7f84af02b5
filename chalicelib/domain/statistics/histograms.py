"""Durations counted in buckets of fixed boundaries, so that counts from anywhere add up, and percentiles of them.

Bucket n holds the durations up to BOUNDS[n] milliseconds and above BOUNDS[n - 1]; the last holds all that are longer.
The bounds grow by the square root of two, so that a percentile is off by a fifth of itself at most, or a millisecond.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import sqrt

STEPS = 54
BOUNDS = tuple(round(2 ** (step / 2), 3) for step in range(STEPS))
"""Upper bounds in milliseconds: 1, 1.414, 2, ... up to 26 hours."""
BUCKETS = STEPS + 1


def bucket_of(milliseconds: float) -> int:
    """The number of the bucket that a duration belongs to."""
    return bisect_left(BOUNDS, milliseconds)


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The duration in milliseconds that `share` (0-1) of those counted do not exceed; None when none was counted.

    A bucket is spoken for by its geometric middle, the first by its end: that is what the error's bound rests on.
    """
    sums = list(accumulate(counts))
    if not sums or not sums[-1]:
        return None
    bucket = bisect_left(sums, max(1.0, share * sums[-1]))
    if bucket in (0, STEPS):
        return BOUNDS[min(bucket, STEPS - 1)]
    return sqrt(BOUNDS[bucket - 1] * BOUNDS[bucket])
