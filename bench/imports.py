"""Wall time of `import app` with BUNDLE=processing, compared with importing only the libraries that it needs. Fresh
processes measure both in turn. Neither time includes Python's own start."""

import os
import subprocess
import sys
from functools import partial

from bench.environment import PROCESSING
from bench.measure import ROOT, Figure, Section, at_most, measure_in_turn

ROUNDS = 21
BARE = "import boto3, pynamodb.models, pydantic, chalice"
TIMED = "import time; start = time.perf_counter(); {}; print((time.perf_counter() - start) * 1000)"


def measure() -> Section:
    ours, bare = partial(_milliseconds, "import app"), partial(_milliseconds, BARE)
    ours(), bare()  # writes the bytecode and fills the page cache
    our_ms, bare_ms, ratio = measure_in_turn(ROUNDS, ours, bare)
    figures = [
        Figure(f"`{BARE}`", f"{bare_ms:.0f} ms"),
        Figure("`import app`", f"{our_ms:.0f} ms"),
        at_most(f"ratio, median of {ROUNDS} pairs", ratio, 1.6, "x"),
    ]
    return Section("Cold import", __doc__, figures)


def _milliseconds(statement: str) -> float:
    command = [sys.executable, "-c", TIMED.format(statement)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | PROCESSING, capture_output=True, text=True, check=True)
    return float(done.stdout)
