"""Percentiles of histograms: counts add up, percentiles are in order, and errors are bounded."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.statistics.histograms import BOUNDS, BUCKETS, bucket_of, percentile

DURATIONS = st.lists(st.floats(0, BOUNDS[-1]) | st.integers(0, 5_000), min_size=1, max_size=60)
SHARES = st.floats(0, 1)


def count_by_bucket(durations: list[float]) -> list[int]:
    counts = [0] * BUCKETS
    for duration in durations:
        counts[bucket_of(duration)] += 1
    return counts


def exact_percentile(durations: list[float], share: float) -> float:
    """The duration that this share of the values does not exceed."""
    ordered = sorted(durations)
    return next(one for place, one in enumerate(ordered, 1) if place >= share * len(ordered))


@given(durations=DURATIONS, share=SHARES)
def test_a_percentile_is_off_by_a_fifth_of_itself_at_most_or_by_a_millisecond(
    durations: list[float], share: float
) -> None:
    found, right = percentile(count_by_bucket(durations), share), exact_percentile(durations, share)
    assert found is not None
    assert abs(found - right) <= max(1.0, right / 5)


@given(first=DURATIONS, second=DURATIONS, share=SHARES)
def test_counts_from_two_places_add_up(first: list[float], second: list[float], share: float) -> None:
    merged = [one + other for one, other in zip(count_by_bucket(first), count_by_bucket(second), strict=True)]
    assert merged == count_by_bucket(first + second)
    assert sum(merged) == len(first) + len(second)


@given(durations=DURATIONS, shares=st.lists(SHARES, min_size=2, max_size=6))
def test_a_larger_share_has_no_smaller_percentile(durations: list[float], shares: list[float]) -> None:
    found = [percentile(count_by_bucket(durations), share) or 0 for share in sorted(shares)]
    assert found == sorted(found)


def test_nothing_counted_has_no_percentile_and_the_longest_have_the_last_bound() -> None:
    assert percentile([0] * BUCKETS, 0.5) is percentile([], 0.5) is None
    assert percentile(count_by_bucket([10.0 * BOUNDS[-1]]), 0.5) == BOUNDS[-1]
    assert percentile(count_by_bucket([0.0]), 0.99) == 1.0


def test_a_duration_on_a_bound_belongs_below_it() -> None:
    assert [bucket_of(bound) for bound in BOUNDS] == list(range(len(BOUNDS)))
    assert all(low < high for low, high in pairwise(BOUNDS))
