"""The agent's settings."""

from chalicelib.domain.settings.agent import AGENT, LOG_LEVELS, AgentSettings


def test_the_defaults_are_values_that_the_settings_can_have() -> None:
    AGENT.check(AGENT.with_defaults({}))
    assert AgentSettings(**AGENT.with_defaults({})) == (300, 2, "info")


def test_a_log_shows_its_level_and_higher_ones() -> None:
    shown = {level: [one for one in LOG_LEVELS if AgentSettings(1, 1, level).shows(one)] for level in LOG_LEVELS}
    assert shown == {level: list(LOG_LEVELS[number:]) for number, level in enumerate(LOG_LEVELS)}
