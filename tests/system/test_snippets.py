"""The document's own client code, as it stands there but for the address and the token."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.stack import PATIENCE, Caller

SNIPPETS = Path(__file__).parent / "snippets"
RUNNERS = {"create.py.txt": (sys.executable,), "create.mjs": ("node",), "create.sh": ("sh",)}


@pytest.mark.parametrize("name", RUNNERS)
def test_the_documents_own_code_creates_a_task(user: Caller, name: str, tmp_path: Path) -> None:
    runner = RUNNERS[name]
    if shutil.which(runner[0]) is None or (name.endswith(".sh") and shutil.which("curl") is None):
        pytest.skip(f"{name} needs {'curl' if name.endswith('.sh') else runner[0]}, which is not on this machine")
    text = (SNIPPETS / name).read_text()
    assert text.count("http://localhost:8787") == text.count("your-jwt-token") == 1
    script = tmp_path / name
    script.write_text(text.replace("http://localhost:8787", user.url).replace("your-jwt-token", str(user.token)))
    run = subprocess.run([*runner, str(script)], capture_output=True, text=True, timeout=PATIENCE, check=True)
    [identifier] = re.findall(r"task_[A-Za-z0-9]+", run.stdout)
    assert user.task(identifier)["type"] == "video-processing"
