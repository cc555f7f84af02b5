from contextlib import suppress

import pytest

from chalicelib import clock
from chalicelib.engine.security import rate_limits
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import TooManyRequests
from infra import gateway
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.world import START, World

MINUTE = clock.MINUTE


def count_admitted(key: str, tries: int, count: int = 10) -> int:
    return sum(rate_limits.admit(key, count, MINUTE).allowed for _ in range(tries))


@pytest.mark.parametrize("round_", range(3))
def test_eight_threads_at_a_standing_clock_get_exactly_the_burst(world: World, round_: int) -> None:
    found = run_together([lambda: count_admitted("k", 10, 40)] * 8)
    assert sum(found) == 40


def test_eight_threads_over_time_get_the_burst_and_one_for_each_interval(world: World) -> None:
    total = 0
    for _ in range(4):
        total += sum(run_together([lambda: count_admitted("k", 6, 30)] * 8))
        world.clock.advance(10)
    assert total == 30 + 3 * 5


def test_requests_come_back_one_by_one_and_the_whole_burst_after_the_window(world: World) -> None:
    assert count_admitted("k", 20) == 10
    world.clock.advance(5.999)
    assert count_admitted("k", 5) == 0
    world.clock.advance(0.001)
    assert count_admitted("k", 5) == 1
    world.clock.advance(60)
    assert count_admitted("k", 20) == 10


def test_the_figures_tell_what_is_left_and_when_to_come_back(world: World) -> None:
    first = rate_limits.admit("k", 10, MINUTE)
    assert (first.limit, first.remaining, first.reset_at, first.retry_after) == (10, 9, START // 1000 + 6, 0)
    assert [rate_limits.admit("k", 10, MINUTE).remaining for _ in range(9)] == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    refused = rate_limits.admit("k", 10, MINUTE)
    assert (refused.allowed, refused.remaining, refused.reset_at, refused.retry_after) == (
        False,
        0,
        START // 1000 + 60,
        6,
    )
    world.clock.advance(5.5)
    assert rate_limits.admit("k", 10, MINUTE).retry_after == 1
    world.clock.advance(refused.retry_after - 5.5)
    assert rate_limits.admit("k", 10, MINUTE).allowed


def test_the_figures_are_true_also_when_another_process_spent_in_between(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate_limits.admit("k", 10, MINUTE)
    with monkeypatch.context() as other_process:
        other_process.setattr(rate_limits, "_arrival_hints", TtlCache(clock.DAY))
        assert rate_limits.admit("k", 10, MINUTE).remaining == 8
    assert rate_limits.admit("k", 10, MINUTE).remaining == 7


def test_a_caller_whose_plan_grew_may_go_on_at_once_and_has_the_whole_of_it(world: World) -> None:
    assert count_admitted("k", 60, 50) == 50
    assert count_admitted("k", 600, 500) == 500


def test_keys_are_limited_apart(world: World) -> None:
    assert count_admitted("a", 20) == count_admitted("b", 20) == 10


def test_a_request_costs_one_write_while_its_key_is_remembered_and_never_more_than_two(world: World) -> None:
    costs = []
    for tries in range(15):
        if tries in (5, 12):
            rate_limits._arrival_hints.clear()
        with aws.counting() as calls:
            rate_limits.admit("k", 10, MINUTE)
        costs.append(calls.total())
    assert costs == [1, 1, 1, 1, 1, 2] + [1] * 9


@pytest.mark.parametrize(("plan", "factor"), [("standard", 1), ("pro", 10), ("enterprise", 100), ("other", 1)])
def test_a_plan_multiplies_the_documented_limit(plan: str, factor: int) -> None:
    assert rate_limits.plan_factor(plan) == factor


def test_more_than_one_request_a_millisecond_is_counted_one_by_one(world: World) -> None:
    assert [rate_limits.admit("k", 100_000, MINUTE).remaining for _ in range(3)] == [99_999, 99_998, 99_997]
    world.clock.advance(0.001)
    assert rate_limits.admit("k", 100_000, MINUTE).remaining == 99_997, "one and two thirds came back"


def count_admitted_hourly(tries: int) -> int:
    return sum(rate_limits.admit("k", 3600, clock.HOUR, burst=50).allowed for _ in range(tries))


def test_a_burst_may_be_smaller_than_the_window_s_count(world: World) -> None:
    assert sum(run_together([lambda: count_admitted_hourly(10)] * 8)) == 50
    refused = rate_limits.admit("k", 3600, clock.HOUR, burst=50)
    assert (refused.allowed, refused.limit, refused.remaining, refused.retry_after) == (False, 3600, 0, 1)
    admitted = 0
    for _ in range(30):
        world.clock.advance(1)
        admitted += count_admitted_hourly(3)
    assert admitted == 30
    world.clock.advance(3600)
    assert count_admitted_hourly(80) == 50


def count_within_share(org: str, tries: int, api: str = "processing") -> int:
    """How many requests of an org are within its share."""
    passed = 0
    for _ in range(tries):
        with suppress(TooManyRequests):
            rate_limits.count_org_request(api, org)
            passed += 1
    return passed


def test_an_org_has_half_of_what_the_stage_lets_through_and_leaves_the_rest_to_others(world: World) -> None:
    assert 2 * rate_limits.ORG_REQUESTS_PER_SECOND <= gateway.REQUESTS_PER_SECOND
    passed = count_within_share("loud", 5_000)
    assert rate_limits.ORG_REQUESTS_PER_SECOND <= passed <= gateway.BURST
    assert count_within_share("quiet", 400) == 400
    assert count_within_share("loud", 400, "support") == 400
    world.clock.advance(60)
    assert count_within_share("loud", 400) == 400


def test_over_time_an_org_gets_its_share(world: World) -> None:
    passed = 0
    for _ in range(20):
        passed += count_within_share("loud", 2_000)
        world.clock.advance(1)
    assert passed == pytest.approx(20 * rate_limits.ORG_REQUESTS_PER_SECOND, rel=0.2)


def test_several_processes_count_together(world: World) -> None:
    passed = 0
    for _ in range(100):
        rate_limits._request_counts.clear()
        rate_limits._refused_orgs.clear()
        passed += count_within_share("loud", rate_limits.SAMPLE)
    assert passed <= gateway.BURST + 100 * (rate_limits.SAMPLE - 1)
    with pytest.raises(TooManyRequests, match="At most 500 requests a second of one organization"):
        for _ in range(rate_limits.SAMPLE):
            rate_limits.count_org_request("processing", "loud")


def test_what_an_org_shares_costs_one_call_in_fifty(world: World) -> None:
    with aws.counting() as counted:
        count_within_share("org", 5 * rate_limits.SAMPLE)
    assert counted.total() <= 6


@pytest.mark.parametrize("back", [6, 60, 3_600, 86_400])
@pytest.mark.parametrize("remembered", [True, False])
def test_a_clock_that_steps_back_refuses_nobody_for_long(world: World, back: int, remembered: bool) -> None:
    assert count_admitted("k", 3, 100) == 3
    world.clock.step(-back)
    if not remembered:
        rate_limits._arrival_hints.clear()
    admissions = [rate_limits.admit("k", 100, MINUTE) for _ in range(10)]
    assert admissions[0].allowed or back == 60, "as far ahead as other processes' clocks may be"
    assert max(admission.retry_after for admission in admissions) <= 6
    assert max(admission.reset_at for admission in admissions) <= world.clock.now() // 1000 + 66
    world.clock.advance(60)
    assert count_admitted("k", 200, 100) >= 90, "the whole of it has come back, but for what the step was tolerated"


def test_a_clock_that_steps_back_gives_nobody_more(world: World) -> None:
    assert count_admitted("k", 200, 100) == 100
    world.clock.step(-3_600)
    assert sum(run_together([lambda: count_admitted("k", 20, 100)] * 8)) == 1
    world.clock.advance(6)
    assert count_admitted("k", 50, 100) == 10


def test_clocks_that_differ_a_little_give_nobody_more(world: World) -> None:
    total = 0
    for ahead in (0, 4.9, -4.9) * 5:
        world.clock.step(ahead)
        total += count_admitted("k", 30)
    assert total <= 11, "ten at once, and less than one in the five seconds that the clocks differ by"


def test_bringing_back_costs_one_call_more(world: World) -> None:
    count_admitted("k", 3, 100)
    world.clock.step(-3_600)
    with aws.counting() as calls:
        rate_limits.admit("k", 100, MINUTE)
    assert calls.total() == 2
