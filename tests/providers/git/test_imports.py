"""dulwich is imported on first use, so that no cold start waits for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
USES = {
    "": False,
    "files.write_file('o', 'a', b'a'); files.read_file('o', 'a'); files.list_files('o', files.FileQuery())": False,
    "files.write_file('o', 'a', b'a'); commits.status('o'); commits.diff('o'); log.read('o', log.LogQuery())": False,
    "files.write_file('o', 'a', b'a'); commits.commit('o', 'm', Person('a', 'b'))": True,
}


def run(code: str, **environment: str) -> str:
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.mark.parametrize("bundle", ["codeserver", "engine", "processing"])
def test_no_bundle_loads_it_at_its_start(bundle: str) -> None:
    code = "import app, sys; print('dulwich' in sys.modules)"
    assert run(code, BUNDLE=bundle, STAGE="local") == "False"


@pytest.mark.parametrize(("use", "loaded"), USES.items())
def test_only_what_makes_or_reads_gits_objects_loads_it(use: str, loaded: bool) -> None:
    code = (
        "import sys; from tests.support.world import new_world; from chalicelib.providers.git.objects import Person;"
        "from chalicelib.engine.workspaces import commits, files, log\n"
        f"with new_world(): {use or 'pass'}\n"
        "print('dulwich' in sys.modules)"
    )
    assert run(code) == str(loaded)
