"""Whether the agents of some pools can work."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from chalicelib import clock
from chalicelib.domain.statistics import counters
from chalicelib.engine.statistics import dependency_checks, recent
from chalicelib.engine.workers import agents

Status = Literal["healthy", "degraded", "unhealthy"]
DEGRADED_ERROR_RATE = 0.5
"""Failed tasks as a share of those that ended, from which on something is wrong with more than single tasks. A task
that no person approved counts in neither."""


class AgentHealth(NamedTuple):
    """The health of agents, and what it follows from."""

    status: Status
    error_rate: float | None
    response_time_ms: float


def check(org: str, pools: Sequence[str]) -> AgentHealth:
    """Check now. Two calls, two for each pool, and one for the agents' counts."""
    checks = dependency_checks.check_dependencies().values()
    statuses = {agent.status(clock.now()) for agent in agents.list_agents(org, pools)}
    tasks = counters.total(recent.read_recent(org, pool).tasks for pool in pools)
    ended = tasks.processed - tasks["unapproved"]
    error_rate = round((tasks.failures - tasks["unapproved"]) / ended, 4) if ended else None
    return AgentHealth(
        status=judge(all(one.healthy for one in checks), statuses, error_rate),
        error_rate=error_rate,
        response_time_ms=max(one.milliseconds for one in checks),
    )


def judge(dependencies_answer: bool, statuses: set[agents.Status], error_rate: float | None) -> Status:
    """The health that follows from these facts."""
    if not dependencies_answer:
        return "unhealthy"
    has_trouble = "error" in statuses or (error_rate is not None and error_rate >= DEGRADED_ERROR_RATE)
    return "degraded" if has_trouble else "healthy"
