"""The model that an org has chosen."""

import json

import pytest

from chalicelib import config
from chalicelib.domain.document import Document
from chalicelib.engine.models import current_model
from chalicelib.errors import InvalidRequest, NotConfigured
from chalicelib.storage.documents import documents as storage
from tests.support.aws import counting
from tests.support.models import PROVIDERS
from tests.support.world import ORG, World


def chosen(org: str = ORG) -> str:
    return current_model.get_current(org).entry.model.id


def test_the_first_model_is_the_one_that_is_used_until_another_is_chosen(configured_world: World) -> None:
    current = current_model.get_current(ORG)
    assert (current.entry.model.id, current.temperature, current.top_p, current.switched_at_ms) == (
        "clever",
        0.7,
        0.95,
        0,
    )
    switched = current_model.switch(ORG, "small")
    assert switched == current_model.get_current(ORG)
    assert (chosen(), switched.switched_at_ms) == ("small", configured_world.clock.now())


def test_an_org_chooses_for_itself_alone(configured_world: World) -> None:
    current_model.switch(ORG, "small")
    assert chosen("other") == "clever"


def test_parameters_that_are_not_named_stay(configured_world: World) -> None:
    current_model.switch(ORG, "fast", temperature=0.1)
    current_model.switch(ORG, "small", top_p=0.5)
    current = current_model.switch(ORG, "fast")
    assert (current.temperature, current.top_p) == (0.1, 0.5)
    assert current_model.switch(ORG, "fast", temperature=0.0).temperature == 0.0


def test_an_unknown_model_changes_nothing(configured_world: World) -> None:
    current_model.switch(ORG, "small")
    with pytest.raises(InvalidRequest, match="there is no model 'big'"):
        current_model.switch(ORG, "big")
    assert chosen() == "small"


def test_a_choice_that_is_no_longer_there_gives_way_to_the_first_model(configured_world: World) -> None:
    current_model.switch(ORG, "small", temperature=0.1)
    config.replace(models=json.dumps(PROVIDERS[:1]))
    assert chosen() == "clever"


def test_without_models_there_is_nothing_to_choose(world: World) -> None:
    for call in (lambda: current_model.get_current(ORG), lambda: current_model.switch(ORG, "small")):
        with pytest.raises(NotConfigured, match="set MODELS"):
            call()


@pytest.mark.parametrize("before", [None, "careful"])
def test_of_two_switches_at_once_one_stays_as_a_whole(
    before: str | None, configured_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second switch happens between the first one's read and write."""
    if before is not None:
        current_model.switch(ORG, before)
    find = storage.find

    def find_and_switch(*key: str) -> Document | None:
        document = find(*key)
        monkeypatch.setattr(storage, "find", find)
        current_model.switch(ORG, "small", temperature=0.2, top_p=0.2)
        return document

    monkeypatch.setattr(storage, "find", find_and_switch)
    current_model.switch(ORG, "fast", temperature=0.1, top_p=0.1)
    current = current_model.get_current(ORG)
    assert (current.entry.model.id, current.temperature, current.top_p) == ("fast", 0.1, 0.1)


def test_each_operation_keeps_to_its_budget(configured_world: World) -> None:
    current_model.get_current(ORG)
    with counting() as calls:
        current_model.get_current(ORG)
    assert len(calls) == 1
    with counting() as calls:
        current_model.switch(ORG, "small")
    assert len(calls) == 2
