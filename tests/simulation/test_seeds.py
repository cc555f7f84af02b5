"""Seeded runs, each ended by a drain (the total-queue test): nothing lost, nothing doubled, nothing out of turn."""

import pytest

from tests.simulation.runs import calm_run, faulty_run

FAULTY_SEEDS, CALM_SEEDS = 10, 4
OPERATIONS = 70


@pytest.mark.parametrize("seed", range(FAULTY_SEEDS))
def test_every_promise_survives_every_fault(seed: int) -> None:
    faulty_run(seed, OPERATIONS)


@pytest.mark.parametrize("seed", [5049, 5070])
def test_no_task_depends_on_a_single_nudge(seed: int) -> None:
    """Found by soak: the one nudge of a task's guard was lost, and nobody looked at its pool again for a day."""
    faulty_run(seed, 120)


@pytest.mark.parametrize("seed", range(100, 100 + CALM_SEEDS))
def test_urgent_tasks_go_first(seed: int) -> None:
    calm_run(seed, OPERATIONS)
