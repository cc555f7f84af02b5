"""`make demo`, with fewer tasks."""

import subprocess
import sys

import pytest

from tests.system.stack import environment

pytestmark = pytest.mark.long

TASKS = 60
ALL = TASKS + 2 * (TASKS // 5)
"""The tasks with those for the fetching worker and the worker on a WebSocket."""


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
    assert "killed (SIGKILL) while it runs tasks" in run.stdout
    assert "the WebSocket of worker 'socket' broken; it connects again" in run.stdout
