"""Wall time of `import app` with BUNDLE=processing, beside that of the libraries it stands on, in fresh processes that
alternate. Python's own start is in neither."""

import os
import subprocess
import sys
from functools import partial

from bench.environment import PROCESSING
from bench.measure import ROOT, Figure, Section, alternately, at_most

ROUNDS = 21
BARE = "import boto3, pynamodb.models, pydantic, chalice"
TIMED = "import time; start = time.perf_counter(); {}; print((time.perf_counter() - start) * 1000)"


def measure() -> Section:
    ours, bare = partial(_milliseconds, "import app"), partial(_milliseconds, BARE)
    ours(), bare()  # bytecode is written, files are in the page cache
    mine, theirs, ratio = alternately(ROUNDS, ours, bare)
    figures = [
        Figure(f"`{BARE}`", f"{theirs:.0f} ms"),
        Figure("`import app`", f"{mine:.0f} ms"),
        at_most(f"ratio, median of {ROUNDS} pairs", ratio, 1.6, "x"),
    ]
    return Section("Cold import", __doc__, figures)


def _milliseconds(statement: str) -> float:
    command = [sys.executable, "-c", TIMED.format(statement)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | PROCESSING, capture_output=True, text=True, check=True)
    return float(done.stdout)
