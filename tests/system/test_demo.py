"""`make demo`, with fewer tasks."""

import subprocess
import sys

from tests.system.stack import environment

TASKS = 60
ALL = TASKS + 2 * (TASKS // 5)
"""With those for the worker that fetches and the one on a WebSocket."""


def test_the_demo_loses_nothing() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "infra.local.demo"],
        env=environment(TASKS=str(TASKS)),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[-1] == "lost 0"
    assert f"{ALL}/{ALL}" in run.stdout
    assert "killed (SIGKILL) with tasks in its hands" in run.stdout
    assert "the WebSocket of worker 'socket' broken; it connects again" in run.stdout
