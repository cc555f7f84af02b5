"""When deliveries are retried, and how they end."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.deliveries import delivery as rules
from chalicelib.domain.deliveries.delivery import DAY, HOUR, MINUTE, SECOND, Attempt, Delivery

NOW = 1_767_268_800_000
SPECIFIED = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
"""Seconds between the attempts (Standard Webhooks 1.0.0, "Deliverability and reliability")."""

statuses = st.sampled_from([None, 199, 301, 307, 400, 404, 429, 500, 503])


def delivery(**said: object) -> Delivery:
    base: dict[str, object] = {"org": "acme", "receiver": "webhook_1", "id": "dlv_0_evt_1", "event": "task.created"}
    return Delivery(**(base | {"created_at": NOW, "wake_at": NOW, "expires_at": NOW + 30 * DAY} | said))  # type: ignore[arg-type]


def attempt(status: int | None = 500) -> Attempt:
    return Attempt(at=NOW, took_ms=10, status=status)


@settings(max_examples=30)
@given(st.lists(st.tuples(statuses, st.floats(0, 1, exclude_max=True)), min_size=10, max_size=10))
def test_the_schedule_is_the_specified_one_within_a_tenth(turns: list[tuple[int | None, float]]) -> None:
    current, now, waits = delivery(), NOW, []
    for status, chance in turns:
        assert current.status == "pending"
        current = rules.failed(current, attempt(status), now, chance)
        if current.wake_at is not None:
            waits.append((current.wake_at - now) / SECOND)
            now = current.wake_at
    assert (current.status, current.tries, len(current.attempts)) == ("failed", 10, 10)
    assert all(asked <= had <= asked * 1.1 for asked, had in zip(SPECIFIED, waits, strict=True))


@settings(max_examples=30)
@given(st.integers(0, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_receiver_that_asks_for_a_rest_gets_it_up_to_a_day(seconds: int, chance: float) -> None:
    rest = rules.retry_after_ms(429, {"retry-after": str(seconds)})
    postponed = rules.failed(delivery(), attempt(429), NOW, chance, rest)
    assert postponed.wake_at is not None
    assert postponed.wake_at - NOW >= max(5 * SECOND, min(seconds * SECOND, DAY))
    assert postponed.wake_at - NOW <= max(5.5 * SECOND, DAY)


def test_only_an_answer_that_says_so_asks_for_a_rest() -> None:
    said = {"retry-after": "120"}
    assert [rules.retry_after_ms(status, said) for status in (429, 503, 500, 404)] == [120 * SECOND, 120 * SECOND, 0, 0]
    for unreadable in ("", "soon", "-1", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT", "٣"):
        assert rules.retry_after_ms(429, {"retry-after": unreadable}) == 0


def test_a_rest_may_be_a_date_and_is_at_most_a_day() -> None:
    at = {"retry-after": "Thu, 01 Jan 2026 12:02:00 GMT"}
    noon = 1_767_268_800_000  # 2026-01-01T12:00:00Z
    for status in (413, 429, 502, 503, 504):
        assert rules.retry_after_ms(status, at, noon) == 120 * SECOND
        assert rules.retry_after_ms(status, at, noon - 9 * DAY) == DAY
        assert rules.retry_after_ms(status, at, noon + DAY) == 0
    assert rules.retry_after_ms(500, at, noon) == 0


def test_2xx_alone_is_a_success() -> None:
    assert [status for status in range(100, 600) if rules.is_success(attempt(status))] == list(range(200, 300))
    assert not rules.is_success(attempt(None))


def test_what_arrived_has_arrived() -> None:
    found = rules.delivered(rules.failed(delivery(), attempt(), NOW, 0), attempt(204))
    assert (found.status, found.wake_at, [one.status for one in found.attempts]) == ("delivered", None, [500, 204])


def test_a_test_is_sent_once() -> None:
    assert rules.failed(delivery(event="webhook.test"), attempt(), NOW, 0).status == "failed"


def test_a_new_round_has_all_its_attempts_and_shows_those_before() -> None:
    earlier = delivery()
    for _ in range(10):
        earlier = rules.failed(earlier, attempt(), NOW, 0)
    fresh = rules.restarted(earlier, NOW + HOUR)
    assert (fresh.status, fresh.tries, fresh.wake_at, len(fresh.attempts)) == ("pending", 0, NOW + HOUR, 10)
    for _ in range(40):
        fresh = rules.restarted(rules.failed(fresh, attempt(), NOW, 0), NOW)
    assert len(fresh.attempts) == rules.MAX_ATTEMPTS_KEPT


def test_who_waits_for_a_turn_has_made_no_attempt() -> None:
    found = rules.postponed(delivery(), NOW + MINUTE, "paused", is_scheduled=True)
    assert (found.tries, found.attempts, found.wake_at, found.is_scheduled) == (0, (), NOW + MINUTE, True)
    assert not rules.failed(found, attempt(), NOW, 0).is_scheduled


def test_the_turns_at_a_webhook_in_trouble_let_few_attempts_be_under_way() -> None:
    assert rules.SPACING_MS * rules.MAX_CONCURRENT_ATTEMPTS >= rules.TIMEOUT_SECONDS * SECOND
