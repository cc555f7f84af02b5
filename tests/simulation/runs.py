"""Complete runs of the simulation, with every fault and without faults."""

from random import Random

from tests.simulation.driver import Simulation
from tests.simulation.faults import Faults
from tests.simulation.invariants import urgent_tasks_go_first
from tests.simulation.people import without_threads
from tests.simulation.performer import performing
from tests.support.world import new_world


def faulty_run(seed: int, operations: int) -> None:
    """Run random operations while calls fail, functions die, and messages are lost, doubled, late and reordered."""
    with new_world(seed) as world, performing(), without_threads():
        queue = world.queues.faults
        queue.duplicate, queue.drop, queue.delay, queue.reorder = 0.1, 0.1, 0.1, bool(seed % 2)
        simulation = Simulation(
            world, seed, Faults(Random(seed), fail=0.03, unknown=0.03, repeat=0.03, kill=0.03, gone=0.03)
        )
        simulation.run(operations)
        simulation.check()
        simulation.drain()


def calm_run(seed: int, operations: int) -> None:
    """Run the same operations without faults. Then urgent tasks must go first, too."""
    with new_world(seed) as world, performing(), without_threads():
        simulation = Simulation(world, seed)
        simulation.run(operations)
        simulation.drain()
        urgent_tasks_go_first(world, frozenset(simulation.owners.assigned))
