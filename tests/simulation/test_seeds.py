"""Seeded runs with all faults on, each ended by a drain (the total-queue test): nothing lost, nothing doubled."""

from random import Random

import pytest

from tests.simulation.driver import Simulation
from tests.simulation.faults import Faults
from tests.support.world import world

SEEDS = 8
OPERATIONS = 80


@pytest.mark.parametrize(
    "seed", range(int(__import__("os").environ.get("S0", "0")), int(__import__("os").environ.get("S1", "8")))
)
def test_every_promise_survives_every_fault(seed: int) -> None:
    with world(seed) as made:
        made.queues.faults.duplicate, made.queues.faults.drop, made.queues.faults.delay = 0.1, 0.1, 0.1
        made.queues.faults.reorder = bool(seed % 2)
        bad_luck = Faults(Random(seed), fail=0.03, unknown=0.03, repeat=0.03, kill=0.03)
        simulation = Simulation(made, seed, bad_luck)
        simulation.run(OPERATIONS)
        simulation.check()
        simulation.drain()
