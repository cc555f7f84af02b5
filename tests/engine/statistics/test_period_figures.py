"""The figures of a period: of requests and of tasks."""

from chalicelib import config
from chalicelib.domain.statistics.periods import Period
from chalicelib.engine.statistics import period_figures, request_counts
from chalicelib.engine.tasks import lifecycle
from tests.engine.helpers import complete, hand_over_task, pull, send_heartbeat
from tests.support import aws
from tests.support.client import answered_request
from tests.support.world import ORG, POOL, World

API = "toys"
count_request = request_counts.request_counter(API)


def requests(period: Period, org: str = ORG) -> dict[str, int]:
    counts = period_figures.read_requests(org, API, period).counts
    return {name: counts[name] for name in ("requests", "refused", "errors", "time_ms")}


def test_requests_are_counted_by_how_they_ended(world: World) -> None:
    for status in (200, 201, 303, 400, 404, 429, 500, 503):
        count_request(answered_request(ORG, status, 10.0))
    assert requests(Period.HOUR) == {"requests": 8, "refused": 3, "errors": 2, "time_ms": 80}
    assert requests(Period.HOUR, "umbra")["requests"] == 0


def test_a_period_has_the_requests_since_it_began(world: World) -> None:
    """The world begins on Thursday, January 1st, at noon."""
    for hours in (0, 1, 24, 24 * 5, 24 * 40):
        world.clock.advance(hours * 3_600 - (world.clock.now() - START_MS) / 1000)
        count_request(answered_request(ORG, 200, 1.0))
        world.clock.advance(11)
        count_request(answered_request(ORG, 200, 1.0))
        found = [requests(period)["requests"] for period in Period]
        assert found == EXPECTED[hours], hours


START_MS = 1_767_268_800_000
EXPECTED = {0: [2, 2, 2, 2], 1: [2, 4, 4, 4], 24: [2, 2, 6, 6], 24 * 5: [2, 2, 2, 8], 24 * 40: [2, 2, 2, 2]}


def test_tasks_are_counted_by_label_and_period(world: World) -> None:
    config.replace(logged_pools=frozenset({POOL}))
    pull(world, max_concurrent=9)
    complete(hand_over_task(world, label="python"))
    world.settle()
    world.clock.advance(3_600)
    send_heartbeat(world.workers()[0])
    world.submit(label="go", capabilities=("quantum",))
    task = hand_over_task(world, label="python")
    world.clock.advance(5)
    complete(task)
    lifecycle.cancel(ORG, hand_over_task(world).id)
    world.settle()
    hour, day = (period_figures.read_tasks(ORG, POOL, period) for period in (Period.HOUR, Period.DAY))
    assert {label: counts["created"] for label, counts in hour.by_label.items()} == {"": 1, "go": 1, "python": 1}
    assert day.by_label["python"]["completed"] == 2
    assert (day.total["created"], day.total["cancelled"], day.pending, hour.pending) == (4, 1, 1, 1)
    assert hour.total.average_ms == 5_000
    assert period_figures.read_tasks("umbra", POOL, Period.MONTH) == (hour.start - 12 * 3_600_000 - 3_600_000, {}, 0)


def test_figures_cost_a_call_for_each_hundred_hours_and_for_each_day(world: World) -> None:
    world.clock.advance(20 * 86_400)
    for period, budget in ((Period.HOUR, 1), (Period.DAY, 1), (Period.WEEK, 1), (Period.MONTH, 5)):
        with aws.counting() as calls:
            period_figures.read_requests(ORG, API, period)
        assert calls.total() == budget, period
    for period, budget in ((Period.HOUR, 2), (Period.DAY, 2), (Period.WEEK, 4), (Period.MONTH, 22)):
        with aws.counting() as calls:
            period_figures.read_tasks(ORG, POOL, period)
        assert calls.total() == budget, period
