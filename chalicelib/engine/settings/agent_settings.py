"""The settings of an org's agent. A change is in force for the next task."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.settings.agent import AGENT, AgentSettings
from chalicelib.engine.settings import groups


def get(org: str) -> AgentSettings:
    """The settings as of now. One call; they are not cached, so that a change is in force everywhere at once."""
    return AgentSettings(**groups.read(org, AGENT))


def change(org: str, values: Mapping[str, Any], by: str) -> int:
    """Set these settings and leave the others; returns when they were last changed, in epoch milliseconds. Two calls.

    Raises InvalidRequest for a name or a value that the agent's settings do not have.
    """
    return groups.change(org, AGENT, values, by).updated_at
