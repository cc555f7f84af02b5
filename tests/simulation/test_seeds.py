"""Seeded runs, each ended by a drain (the total-queue test): no task is lost or completed twice."""

import pytest

from tests.simulation.runs import calm_run, faulty_run

pytestmark = pytest.mark.long

FAULTY_SEEDS, CALM_SEEDS = 5, 2
OPERATIONS = 95


@pytest.mark.parametrize("seed", range(FAULTY_SEEDS))
def test_every_invariant_holds_under_all_faults(seed: int) -> None:
    faulty_run(seed, OPERATIONS)


@pytest.mark.parametrize("seed", range(100, 100 + CALM_SEEDS))
def test_urgent_tasks_go_first(seed: int) -> None:
    calm_run(seed, OPERATIONS)
