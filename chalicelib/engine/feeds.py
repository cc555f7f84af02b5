"""The live feed of an org: what happened, numbered and sent to whoever is connected and subscribed."""

from collections.abc import Sequence

from chalicelib.engine.facts import Fact


def publish(org: str, occasion: str, facts: Sequence[Fact]) -> None:
    """Number the facts and send them to those who subscribed to them."""
