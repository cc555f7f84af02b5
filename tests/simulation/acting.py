"""The base of all actors in the simulation: the world, seeded chance, and attempts that may be refused or killed."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from chalicelib.errors import Conflict, NotFound, Unavailable
from tests.simulation.faults import Killed
from tests.support.world import World

EXPECTED = (Conflict, NotFound, Unavailable, Killed)
"""Errors that an actor expects: a refusal, an unavailable service, or the death of the process."""


@dataclass
class Actor:
    """Somebody who acts at random. `quiet` is set at the end of a run: from then on the actor makes no trouble."""

    world: World
    random: Random
    quiet: bool = False

    def attempt(self, work: Callable[[], Any]) -> Any:
        """Run `work`. Returns None when it raises one of the expected errors."""
        try:
            return work()
        except EXPECTED:
            return None

    def should_happen(self, share: float) -> bool:
        """True in this share of all cases; False at the end of a run."""
        return not self.quiet and self.random.random() < share
