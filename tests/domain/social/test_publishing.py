"""The rules by which a post is published once: what may follow from which outcome."""

from dataclasses import replace

import pytest

from chalicelib.domain.deliveries.delivery import Attempt, Delivery
from chalicelib.domain.social import publishing as rules

NOW = 1_000_000
DELIVERY = Delivery(
    org="acme", receiver="twitter", id="dlv_1_post_1", event="social.post", created_at=0, wake_at=0, expires_at=10**12
)
BEGUN = rules.begun(rules.claimed(DELIVERY, NOW), NOW)


@pytest.mark.parametrize(
    ("status", "sent", "unknown"),
    [
        (None, True, True),
        (None, False, False),
        *((status, False, True) for status in (408, 500, 502, 504)),
        *((status, False, False) for status in (302, 403, 429, 503)),
    ],
)
def test_only_what_may_have_arrived_is_unknown(status: int | None, sent: bool, unknown: bool) -> None:
    assert rules.is_unknown(status, sent=sent) is unknown


def test_an_attempt_is_unknown_from_its_begin_to_its_outcome() -> None:
    assert rules.may_be_published(BEGUN) and rules.unknown_since(BEGUN) == NOW
    published = rules.published(BEGUN, ("1",), Attempt(at=NOW, took_ms=5))
    assert (published.status, published.receipts, published.wake_at) == ("delivered", ("1",), None)
    assert [attempt.error for attempt in published.attempts] == [None]


def test_an_unknown_outcome_is_final_where_the_platform_would_publish_again() -> None:
    ended = rules.unknown(BEGUN, "twitter", NOW, 0)
    assert (ended.status, ended.reason) == ("failed", rules.UNKNOWN)
    assert not rules.can_be_restarted(ended)


def test_an_unknown_outcome_is_asked_for_again_where_the_platform_recognises_it() -> None:
    again = rules.unknown(BEGUN, "mastodon", NOW, 0)
    assert again.status == "pending" and again.wake_at == NOW + rules.RETRY_DELAYS_MS[0]
    assert rules.is_repeatable(again, "mastodon", NOW + 49 * rules.MINUTE, connected_at=0)
    assert not rules.is_repeatable(again, "mastodon", NOW + 50 * rules.MINUTE, connected_at=0)
    assert not rules.is_repeatable(again, "mastodon", NOW, connected_at=NOW + 1)  # it may be another account


def test_a_failed_preparation_leaves_an_unknown_outcome_unknown() -> None:
    again = rules.claimed(rules.unknown(BEGUN, "mastodon", NOW, 0), NOW + 5)
    failed = rules.retried(again, Attempt(at=NOW + 6, took_ms=1, error="no answer"), NOW + 6, 0)
    assert rules.unknown_since(failed) == NOW
    assert not rules.can_be_restarted(rules.refused(failed, Attempt(at=NOW + 7, took_ms=1, error="no")))


def test_it_is_given_up_after_the_last_try() -> None:
    delivery, attempt = DELIVERY, Attempt(at=NOW, took_ms=1, status=503, error="overloaded")
    for number in range(rules.MAX_TRIES):
        assert delivery.status == "pending", number
        delivery = rules.retried(rules.claimed(delivery, NOW), attempt, NOW, 0)
    assert (delivery.status, delivery.reason) == ("failed", "overloaded")
    assert rules.can_be_restarted(delivery)
    assert replace(rules.restarted(delivery, 7), attempts=()) == replace(DELIVERY, wake_at=7)


def test_a_platforms_own_wait_is_obeyed_up_to_a_day() -> None:
    attempt = Attempt(at=NOW, took_ms=1, status=429, error="slow down")
    waits = [rules.retried(BEGUN, attempt, NOW, 0, rest).wake_at for rest in (60_000, 10**12)]
    assert waits == [NOW + 60_000, NOW + rules.MAX_REST_MS]


def test_a_post_far_ahead_is_looked_at_before_it_is_due() -> None:
    assert rules.first_look_at(NOW, NOW) == NOW
    assert rules.first_look_at(NOW + rules.APPROACH_MS, NOW) == NOW + rules.APPROACH_MS
    assert rules.first_look_at(NOW + rules.HOUR, NOW) == NOW + rules.HOUR - rules.APPROACH_MS
