"""Configurations of single agents."""

import pytest

from chalicelib.engine.settings import agent_configs
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from tests.engine.helpers import run_together
from tests.support.world import ORG, World


def configs(org: str = ORG) -> dict[str, object]:
    return {document.id: document.body["config"] for document in agent_configs.list_all(org)}


def test_a_configuration_replaces_the_one_before(world: World) -> None:
    agent_configs.configure(ORG, "agent-05", {"a": 1, "b": 2}, "dev")
    agent_configs.configure(ORG, "agent-05", {"a": 2}, "dev")
    agent_configs.configure(ORG, "agent-01", {}, "dev")
    assert configs() == {"agent-01": {}, "agent-05": {"a": 2}}
    assert configs("umbra") == {}


def test_one_that_is_too_large_is_refused(world: World) -> None:
    agent_configs.configure(ORG, "agent-05", {"a": "x" * (4_000 - len('{"a":""}'))}, "dev")
    with pytest.raises(InvalidRequest, match="config: must be at most 4000 characters"):
        agent_configs.configure(ORG, "agent-05", {"a": "x" * 4_000}, "dev")
    assert len(configs()) == 1


def test_an_org_has_so_many_and_no_more_and_can_change_those_it_has(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_configs, "MAX_CONFIGS", 2)
    outcomes = run_together([lambda name=name: agent_configs.configure(ORG, name, {}, "dev") for name in "abcd"])
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 2
    [kept, _] = configs()
    agent_configs.configure(ORG, kept, {"changed": True}, "dev")
    assert configs()[kept] == {"changed": True}


def test_a_removed_one_makes_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_configs, "MAX_CONFIGS", 1)
    agent_configs.configure(ORG, "a", {}, "dev")
    with pytest.raises(Conflict, match="remove one first"):
        agent_configs.configure(ORG, "b", {}, "dev")
    agent_configs.remove(ORG, "a")
    agent_configs.configure(ORG, "b", {}, "dev")
    with pytest.raises(NotFound, match="Configuration not found: a"):
        agent_configs.remove(ORG, "a")


def test_many_writers_of_one_count_it_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_configs, "MAX_CONFIGS", 2)
    run_together([lambda number=number: agent_configs.configure(ORG, "a", {"n": number}, "dev") for number in range(6)])
    agent_configs.configure(ORG, "b", {}, "dev")
    assert len(configs()) == 2
