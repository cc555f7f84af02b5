"""`make demo`, with fewer tasks."""

import subprocess
import sys

from tests.system.stack import environment

TASKS = 60


def test_the_demo_loses_nothing() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "infra.local.demo"],
        env=environment(TASKS=str(TASKS)),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[-1] == "lost 0"
    assert f"{TASKS}/{TASKS}" in run.stdout
    assert "killed (SIGKILL) with tasks in its hands" in run.stdout
