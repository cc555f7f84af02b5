"""The log of agents: what the tasks of their pools went through, from the activity log."""

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.settings.studio import shows
from chalicelib.domain.tasks.worker import BUILT_IN
from chalicelib.engine.statistics import activity_log
from chalicelib.engine.statistics.activity_log import Line
from chalicelib.engine.workers.agents import Agent

WINDOW_MS = clock.DAY
MAX_LINES = 1_000
"""Lines of each pool that are looked at, the newest ones."""
LEVELS: dict[activity_log.Level, str] = {"error": "ERROR", "warn": "WARNING", "info": "INFO", "debug": "DEBUG"}


class AgentLine(NamedTuple):
    """One line: which agent, when (epoch milliseconds), how serious, and what."""

    at: int
    agent: str
    level: str
    message: str


def read(org: str, agents: Sequence[Agent], name: str | None, log_level: str, limit: int) -> list[AgentLine]:
    """The newest lines of the last day at this level and above it, newest first; of one agent if one is named.

    At most 25 calls for each pool, six at a time, and fewer where the latest hours have lines enough.
    """
    names = {agent.label: agent.name for agent in agents if agent.is_built_in}
    names |= {agent.worker.id: agent.name for agent in agents if agent.worker is not None and not agent.is_built_in}
    since, pools = clock.now() - WINDOW_MS, dict.fromkeys(agent.pool for agent in agents)
    lines = [
        _agent_line(line, names)
        for pool in pools
        for line in activity_log.read_lines(org, pool, since=since, service="tasks", limit=MAX_LINES)
    ]
    shown = [line for line in lines if name in (None, line.agent) and line.agent and shows(log_level, line.level)]
    return sorted(shown, key=lambda line: line.at, reverse=True)[:limit]


def _agent_line(line: Line, names: dict[str, str]) -> AgentLine:
    """A line of a task; before a worker has it, the line belongs to what is to perform it."""
    worker_id, label = line.details.get("agentId", BUILT_IN), line.details.get("label", "")
    agent = label if worker_id == BUILT_IN else worker_id
    return AgentLine(line.at, names.get(agent, agent), LEVELS[line.level], line.message)
