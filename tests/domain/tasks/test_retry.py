from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.tasks.retry import MAX_RETRY_AFTER_MS, Backoff, delay_before_retry

CHANCES = st.floats(0, 1, exclude_max=True)
BACKOFFS = st.builds(Backoff, base_ms=st.integers(1, 60_000), cap_ms=st.integers(1, 3_600_000))


def test_the_ceiling_doubles_with_each_attempt_up_to_the_cap() -> None:
    backoff = Backoff(2_000, 15_000)
    assert [backoff.ceiling(attempts) for attempts in range(1, 7)] == [2_000, 4_000, 8_000, 15_000, 15_000, 15_000]


@given(backoff=BACKOFFS, attempts=st.integers(1, 10_000), chance=CHANCES)
def test_a_delay_lies_between_nothing_and_the_ceiling_and_never_above_the_cap(
    backoff: Backoff, attempts: int, chance: float
) -> None:
    delay = delay_before_retry(backoff, attempts, chance)
    assert 0 <= delay <= backoff.ceiling(attempts) <= backoff.cap_ms


@given(backoff=BACKOFFS, attempts=st.integers(1, 100))
def test_the_jitter_is_full_it_reaches_both_ends_and_the_middle(backoff: Backoff, attempts: int) -> None:
    ceiling = backoff.ceiling(attempts)
    assert backoff.delay(attempts, 0.0) == 0
    assert backoff.delay(attempts, 0.5) == round(ceiling / 2)
    assert backoff.delay(attempts, 1 - 1e-12) == ceiling


@given(attempts=st.integers(1, 100), chance=CHANCES, asked=st.integers(-10, 2 * MAX_RETRY_AFTER_MS))
def test_the_worker_s_own_retry_after_wins_up_to_a_day(attempts: int, chance: float, asked: int) -> None:
    delay = delay_before_retry(Backoff(2_000, 300_000), attempts, chance, asked)
    assert delay == min(max(0, asked), MAX_RETRY_AFTER_MS)
