"""`make soak`: long random runs. SEEDS (1000) is the number of runs, OPERATIONS (200) the length of each, START (0) the
first seed. Then a noisy neighbour of NOISE (2000) tasks, where each call takes 8 ms."""

import os
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.neighbours import broken_bounds, figures, worst_figures
from tests.simulation.runs import calm_run, faulty_run
from tests.support.fleet import fleet

NOISES = (("flood", "backlog", "servers"), ("receivers",), ("keys", "payloads"), ("hanging",))


def _run_seed(seed: int) -> str | None:
    operations = int(os.environ.get("OPERATIONS", "200"))
    try:
        faulty_run(seed, operations)
        calm_run(seed, operations // 2)
    except BaseException:  # noqa: BLE001 - every error is a failed run
        return traceback.format_exc(limit=-4)
    return None


def _figures_beside(noises: tuple[str, ...]) -> dict[str, float]:
    """The worst figures of a quiet org beside one that makes these noises."""
    with fleet(lost=frozenset({"wakeups"})) as deployment:
        return worst_figures(figures(deployment, int(os.environ.get("NOISE", "2000")), *noises))


def _count_disturbed(processes: ProcessPoolExecutor) -> int:
    """How many groups of noises break the quiet org's bounds."""
    alone, *figures_of_noises = processes.map(_figures_beside, [(), *NOISES])
    failed = 0
    for noises, measured in zip(NOISES, figures_of_noises, strict=True):
        broken = broken_bounds(measured, alone)
        failed += bool(broken)
        print(f"neighbour with {', '.join(noises)}: {broken or 'within bounds'}: {measured}, alone {alone}", flush=True)
    return failed


def main() -> int:
    start, count = int(os.environ.get("START", "0")), int(os.environ.get("SEEDS", "1000"))
    failed = 0
    with ProcessPoolExecutor() as processes:
        runs = {processes.submit(_run_seed, seed): seed for seed in range(start, start + count)}
        for number, run in enumerate(as_completed(runs), 1):
            if run.result() is not None:
                failed += 1
                print(f"seed {runs[run]} failed:\n{run.result()}", flush=True)
            if number % 50 == 0:
                print(f"{number} of {count} seeds, {failed} failed", flush=True)
        failed += _count_disturbed(processes)
    print(f"{count + len(NOISES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
