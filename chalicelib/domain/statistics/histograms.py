"""Histograms of durations with fixed buckets, so that counts of several sources add up, and their percentiles.

Bucket n counts the durations above BOUNDS[n - 1] and up to BOUNDS[n] milliseconds; the last counts all longer ones.
Each bound is the square root of two times the one before, so a percentile is off by at most a fifth or a millisecond.
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
    """The number of the bucket that counts a duration."""
    return bisect_left(BOUNDS, milliseconds)


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The duration in milliseconds that `share` (0-1) of the counted ones do not exceed; None when none is counted.

    A bucket stands for its geometric mean, the first and the last for their bound: that limits the error.
    """
    sums = list(accumulate(counts))
    if not sums or not sums[-1]:
        return None
    bucket = bisect_left(sums, max(1.0, share * sums[-1]))
    if bucket in (0, STEPS):
        return BOUNDS[min(bucket, STEPS - 1)]
    return sqrt(BOUNDS[bucket - 1] * BOUNDS[bucket])
