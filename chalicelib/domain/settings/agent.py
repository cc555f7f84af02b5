"""The settings of an org's agent: how long and how often a task is tried, and what its log shows."""

from typing import NamedTuple

from chalicelib.domain.settings.setting import Group, Setting
from chalicelib.domain.statistics.task_lines import Level

LOG_LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
"""From the most to the least: a log shows its own level and those behind it."""
TIMEOUT_SECONDS = Setting("timeout_seconds", 300, 1, 3_600)
MAX_RETRIES = Setting("max_retries", 2, 0, 10)
LOG_LEVEL = Setting("log_level", "info", choices=LOG_LEVELS)
AGENT = Group("agent", (TIMEOUT_SECONDS, MAX_RETRIES, LOG_LEVEL))


class AgentSettings(NamedTuple):
    """The values of the settings."""

    timeout_seconds: int  # of one attempt
    max_retries: int  # attempts after the first
    log_level: str

    def shows(self, level: str) -> bool:
        """Whether a log shows lines of this level."""
        return LOG_LEVELS.index(level) >= LOG_LEVELS.index(self.log_level)
