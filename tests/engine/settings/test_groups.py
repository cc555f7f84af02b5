"""Settings of an org: changed one at a time or together, never lost, and never visible to another org."""

import pytest

from chalicelib.domain.settings.setting import Group, Setting
from chalicelib.engine.settings import groups
from chalicelib.errors import InvalidRequest
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.world import ORG, World

GROUP = Group("toy", tuple(Setting(f"s{number}", 0, 0, 99) for number in range(8)))


def test_changes_of_different_settings_at_once_all_take_effect(world: World) -> None:
    changes = [{f"s{number}": number + 1} for number in range(8)]
    outcomes = run_together([lambda values=values: groups.change(ORG, GROUP, values, "dev") for values in changes])
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert groups.read(ORG, GROUP) == {f"s{number}": number + 1 for number in range(8)}


def test_a_refused_change_changes_nothing(world: World) -> None:
    groups.change(ORG, GROUP, {"s1": 5}, "dev")
    with pytest.raises(InvalidRequest):
        groups.change(ORG, GROUP, {"s1": 6, "s2": 100}, "dev")
    assert groups.read(ORG, GROUP)["s1"] == 5


def test_groups_and_orgs_do_not_share_settings(world: World) -> None:
    groups.change(ORG, GROUP, {"s1": 5}, "dev")
    assert groups.read("umbra", GROUP)["s1"] == groups.read(ORG, Group("other", GROUP.settings))["s1"] == 0


def test_reading_is_one_call_and_a_change_two(world: World) -> None:
    for budget, use in ((1, lambda: groups.read(ORG, GROUP)), (2, lambda: groups.change(ORG, GROUP, {"s1": 1}, "dev"))):
        with aws.counting() as calls:
            use()
        assert calls.total() == budget
