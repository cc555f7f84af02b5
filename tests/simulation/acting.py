"""What everybody in the simulation shares: the world, chance, and how to bear a refusal or one's own death."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from chalicelib.errors import Conflict, NotFound, Unavailable
from tests.simulation.faults import Killed
from tests.support.world import World

EXPECTED = (Conflict, NotFound, Unavailable, Killed)
"""What a caller may meet: a refusal, a service that is busy, or its own death."""


@dataclass
class Actor:
    """Somebody who acts at random. `quiet`: the run is over, and from now on everybody does what is right."""

    world: World
    random: Random
    quiet: bool = False

    def attempt(self, work: Callable[[], Any]) -> Any:
        """Do what may be refused, or die; None when it was."""
        try:
            return work()
        except EXPECTED:
            return None

    def chance(self, share: float) -> bool:
        """Whether something happens that happens in this share of all cases, and never once the run is over."""
        return not self.quiet and self.random.random() < share
