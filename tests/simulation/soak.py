"""`make soak`: long random runs. SEEDS (1000) says how many, OPERATIONS (200) how long, START (0) from which seed. Then
a noisy neighbour at the size of NOISE (2000) tasks, each call taking 8 ms."""

import os
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.neighbours import broken_bounds, figures, worst
from tests.simulation.runs import calm_run, faulty_run
from tests.support.fleet import fleet

NOISES = (("flood", "backlog", "servers"), ("receivers",), ("keys", "payloads"), ("hanging",))


def _one(seed: int) -> str | None:
    operations = int(os.environ.get("OPERATIONS", "200"))
    try:
        faulty_run(seed, operations)
        calm_run(seed, operations // 2)
    except BaseException:  # noqa: BLE001 - whatever it was, it is the finding
        return traceback.format_exc(limit=-4)
    return None


def _noisy(noises: tuple[str, ...]) -> dict[str, float]:
    """What a quiet organisation sees beside a neighbour that makes these noises."""
    with fleet(lost=frozenset({"wakeups"})) as made:
        return worst(figures(made, int(os.environ.get("NOISE", "2000")), *noises))


def _neighbours(processes: ProcessPoolExecutor) -> int:
    """How many of the noises were heard next door."""
    alone, *found = processes.map(_noisy, [(), *NOISES])
    failed = 0
    for noises, seen in zip(NOISES, found, strict=True):
        broken = broken_bounds(seen, alone)
        failed += bool(broken)
        print(f"neighbour with {', '.join(noises)}: {broken or 'not heard'}: {seen}, alone {alone}", flush=True)
    return failed


def main() -> int:
    start, count = int(os.environ.get("START", "0")), int(os.environ.get("SEEDS", "1000"))
    failed = 0
    with ProcessPoolExecutor() as processes:
        runs = {processes.submit(_one, seed): seed for seed in range(start, start + count)}
        for number, run in enumerate(as_completed(runs), 1):
            if run.result() is not None:
                failed += 1
                print(f"seed {runs[run]} failed:\n{run.result()}", flush=True)
            if number % 50 == 0:
                print(f"{number} of {count} seeds, {failed} failed", flush=True)
        failed += _neighbours(processes)
    print(f"{count + len(NOISES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
