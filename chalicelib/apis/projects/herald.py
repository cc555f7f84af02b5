"""How the projects API words what happened. The engine imports it: it stays light."""

from collections.abc import Sequence

from chalicelib.domain.effects import Announcement
from chalicelib.engine.facts import Fact


def herald(org: str, found: Sequence[Announcement]) -> list[Fact]:  # noqa: ARG001
    """What happened, as this API shows it."""
    return []
