"""The agent's settings take effect at once."""

import pytest

from chalicelib.engine.settings import agent_settings
from chalicelib.errors import InvalidRequest
from tests.support.world import ORG, World


def test_a_change_is_in_force_at_once_and_leaves_the_rest(world: World) -> None:
    assert agent_settings.get(ORG) == (300, 2, "info")
    assert agent_settings.change(ORG, {"timeout_seconds": 600, "log_level": "debug"}, "dev") == world.clock.now()
    assert agent_settings.get(ORG) == (600, 2, "debug")
    agent_settings.change(ORG, {"max_retries": 0}, "dev")
    assert agent_settings.get(ORG) == (600, 0, "debug")
    assert agent_settings.get("umbra") == (300, 2, "info")


@pytest.mark.parametrize("values", [{"timeout_seconds": 0}, {"max_retries": 11}, {"log_level": "loud"}, {"colour": 1}])
def test_what_no_setting_can_have_is_refused(world: World, values: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        agent_settings.change(ORG, values, "dev")
    assert agent_settings.get(ORG) == (300, 2, "info")
