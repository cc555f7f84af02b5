"""Notifications: what happened, told to the users whom it concerns."""

from collections.abc import Sequence

from chalicelib.engine.facts import Fact


def publish(org: str, facts: Sequence[Fact]) -> None:
    """Keep a notification for each recipient of each fact."""
