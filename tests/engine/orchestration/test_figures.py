from typing import Any

from chalicelib.domain.training.example import Example
from chalicelib.domain.usage import REVENUE, USD
from chalicelib.engine.contents import contents
from chalicelib.engine.orchestration import figures
from chalicelib.engine.training import examples
from chalicelib.engine.usage import ledger
from tests.engine.contents.helpers import create, publish
from tests.support import aws
from tests.support.extras import require_extra
from tests.support.world import ORG, World

require_extra("studio")


def record(world: World, name: str, **changes: Any) -> None:
    """Record an example that was decided on just now."""
    fields: dict[str, Any] = dict.fromkeys(Example._fields) | {"execution_id": name, "task_id": name, "word_count": 1}
    decided: dict[str, Any] = {"approved": True, "quality_score": 80, "decided_at": world.clock.now()}
    examples.record(ORG, Example(**(fields | decided | changes)), {}, "text")


def test_throughput_counts_each_content_that_was_published_in_the_last_thirty_days(world: World) -> None:
    publish("Too old")
    world.clock.advance(30 * 86_400)
    first = publish("Tea")
    create("A draft")
    contents.approve(ORG, create("Coffee").id, "ann")
    world.settle()
    contents.delete(ORG, first.id)
    publish("Of another org", org="umbra")
    with aws.counting() as calls:
        assert figures.read_business(ORG).outputs == 2
    assert calls.total() == 4


def test_revenue_is_what_was_tracked_in_dollars(world: World) -> None:
    publish()
    ledger.record(ORG, "call", "small", 1, 1, 500_000)
    assert figures.read_business(ORG).return_on_investment is None
    for unit in ("tokens", "requests", "duration"):
        ledger.record_metric(ORG, unit, REVENUE, unit, 1_000)
    ledger.record_metric(ORG, "sales", "sales", USD, 1_000)
    assert figures.read_business(ORG).return_on_investment is None
    ledger.record_metric(ORG, "income", REVENUE, USD, 2)
    business = figures.read_business(ORG)
    assert (business.outputs, business.cost_per_output, business.return_on_investment) == (1, 0.5, 3.0)


def test_costs_are_unknown_while_a_call_has_no_price(world: World) -> None:
    publish()
    ledger.record(ORG, "call", "small", 1, 1, 500_000)
    ledger.record(ORG, "free", "free", 1, 1)
    ledger.record_metric(ORG, "income", REVENUE, USD, 2)
    business = figures.read_business(ORG)
    assert (business.cost_per_output, business.return_on_investment) == (None, None)


def test_quality_is_that_of_what_was_approved_in_the_last_thirty_days(world: World) -> None:
    assert figures.read_business(ORG).quality_score is None
    record(world, "old", quality_score=10)
    world.clock.advance(31 * 86_400)
    record(world, "good")
    record(world, "better", quality_score=90)
    record(world, "rejected", quality_score=20, approved=False)
    record(world, "without a score", quality_score=None)
    assert figures.read_business(ORG).quality_score == 0.85
