"""`make soak`: long random runs. SEEDS (1000) says how many, OPERATIONS (200) how long, START (0) from which seed."""

import os
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.runs import calm_run, faulty_run


def _one(seed: int) -> str | None:
    operations = int(os.environ.get("OPERATIONS", "200"))
    try:
        faulty_run(seed, operations)
        calm_run(seed, operations // 2)
    except BaseException:  # noqa: BLE001 - whatever it was, it is the finding
        return traceback.format_exc(limit=-4)
    return None


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
    print(f"{count - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
