"""Webhooks: what happened, posted to the endpoints that asked for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.engine.facts import Fact


def publish(org: str, facts: Sequence[Fact]) -> None:
    """Queue a delivery of each fact for each endpoint of the org that asked for its topic."""


def post(messages: Sequence[Mapping[str, Any]]) -> list[Exception | None]:
    """Carry out deliveries, side by side; answers for each whether it is dealt with, or the error that it met."""
    return [None for _ in messages]
