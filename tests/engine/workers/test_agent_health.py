import pytest

from chalicelib.engine.workers import agent_health
from chalicelib.engine.workers.agents import Status
from tests.support.world import ORG, World

KIND = "sentiment_analysis"


@pytest.mark.parametrize(
    ("answer", "statuses", "error_rate", "health"),
    [
        (True, {"active", "inactive"}, None, "healthy"),
        (True, {"active"}, 0.49, "healthy"),
        (True, {"active"}, 0.5, "degraded"),
        (True, {"active", "error"}, None, "degraded"),
        (False, {"active"}, None, "unhealthy"),
    ],
)
def test_the_health_follows_from_the_facts(
    answer: bool, statuses: set[Status], error_rate: float | None, health: str
) -> None:
    assert agent_health.judge(answer, statuses, error_rate) == health


def test_the_error_rate_is_that_of_the_tasks_that_ended(world: World) -> None:
    assert agent_health.check(ORG, ("support",)).error_rate is None
    for text in ("good", "good", "good", None):
        world.submit(pool="support", type=KIND, label=KIND, capabilities=(KIND,), payload={"text": text})
    world.settle()
    health = agent_health.check(ORG, ("support", "models"))
    assert (health.status, health.error_rate) == ("healthy", 0.25)
