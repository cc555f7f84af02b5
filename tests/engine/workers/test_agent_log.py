from chalicelib.engine.workers import agent_log, agents
from tests.support.world import ORG, World

POOLS = ("support",)
KIND = "sentiment_analysis"


def read(name: str | None = None, level: str = "INFO", limit: int = 100) -> list[tuple[str, str, str]]:
    lines = agent_log.read(ORG, agents.list_agents(ORG, POOLS), name, level, limit)
    return [(line.agent, line.level, line.message.partition(": ")[2]) for line in lines]


def test_the_log_says_what_the_tasks_of_an_agent_went_through(world: World) -> None:
    for text in ("good", None):
        world.submit(pool="support", type=KIND, label=KIND, capabilities=(KIND,), payload={"text": text})
        world.settle()
        world.clock.advance(1)
    assert read() == [
        (KIND, "ERROR", "failed"),
        (KIND, "INFO", "submitted"),
        (KIND, "INFO", "completed"),
        (KIND, "INFO", "submitted"),
    ]
    assert read(level="ERROR") == [(KIND, "ERROR", "failed")]
    assert len(read(level="DEBUG")) > 4
    assert len(read(limit=2)) == 2
    assert read("other") == []


def test_a_worker_s_lines_go_by_its_name(world: World) -> None:
    world.register("one", pool="support")
    world.submit(pool="support")
    world.settle()
    assert read("one", "DEBUG") == [("one", "DEBUG", "started"), ("one", "DEBUG", "leased")]


def test_lines_older_than_a_day_are_not_shown(world: World) -> None:
    world.submit(pool="support", type=KIND, label=KIND, capabilities=(KIND,), payload={"text": "good"})
    world.settle()
    world.clock.advance(86_401)
    assert read() == []
