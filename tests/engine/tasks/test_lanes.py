"""The names of lanes are stored with tasks and pools, and must not change between versions."""

import pytest

from chalicelib.domain.tasks.task import ConcurrencyLimit, Needs
from chalicelib.engine.tasks.lanes import lane_name

GPU = frozenset({"gpu"})
NEEDS = {
    "any": Needs(),
    "capability": Needs(GPU),
    "two capabilities": Needs(frozenset({"gpu", "video"})),
    "group": Needs(group="production"),
    "worker": Needs(worker="agent_1"),
    "limit": Needs(concurrency_limit=ConcurrencyLimit("key", 1)),
    "all": Needs(GPU, "production", "agent_1", ConcurrencyLimit("key", 1)),
}


LANES = {
    "any": "any",
    "capability": "lane_xi2675nx2sq3b",
    "two capabilities": "lane_jzxqid5xiuevi",
    "group": "lane_vohbr32ox27n3",
    "worker": "lane_hw3mwkjwh4lwm",
    "limit": "lane_wpqd3zp5w62h4",
    "all": "lane_kaoqrps32pnwm",
}


def test_different_needs_have_different_lanes() -> None:
    names = {lane_name(needs) for needs in NEEDS.values()}
    names |= {lane_name(Needs(concurrency_limit=ConcurrencyLimit("key", 2))), lane_name(Needs(group="agent_1"))}
    assert len(names) == len(NEEDS) + 2


@pytest.mark.parametrize(("what", "name"), LANES.items())
def test_the_names_of_lanes_are_those_that_are_stored(what: str, name: str) -> None:
    assert lane_name(NEEDS[what]) == name
