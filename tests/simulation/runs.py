"""Whole runs of the simulation: with every fault, and without any."""

from random import Random

from tests.simulation.driver import Simulation
from tests.simulation.faults import Faults
from tests.simulation.invariants import urgent_tasks_go_first
from tests.simulation.people import one_at_a_time
from tests.simulation.performer import performing
from tests.support.world import new_world


def faulty_run(seed: int, operations: int) -> None:
    """Random operations while calls fail, functions die and messages are lost, doubled, late and out of order."""
    with new_world(seed) as made, performing(), one_at_a_time():
        queue = made.queues.faults
        queue.duplicate, queue.drop, queue.delay, queue.reorder = 0.1, 0.1, 0.1, bool(seed % 2)
        simulation = Simulation(
            made, seed, Faults(Random(seed), fail=0.03, unknown=0.03, repeat=0.03, kill=0.03, gone=0.03)
        )
        simulation.run(operations)
        simulation.check()
        simulation.drain()


def calm_run(seed: int, operations: int) -> None:
    """The same operations with nothing failing: then urgency is kept, too."""
    with new_world(seed) as made, performing(), one_at_a_time():
        simulation = Simulation(made, seed)
        simulation.run(operations)
        simulation.drain()
        urgent_tasks_go_first(made, frozenset(simulation.owners.assigned))
