"""The documents' own client code, unchanged but for the address and the token."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system import node
from tests.system.stack import PATIENCE, Caller, Stack

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


COORDINATOR = SNIPPETS / "coordinator"


@pytest.fixture
def address(yard: Stack) -> str:
    """The URL in place of the coordinator document's localhost:8000, which is called without a token."""
    return yard.urls["coordinator"]


def snippet_for(name: str, address: str) -> str:
    text = (COORDINATOR / name).read_text()
    assert text.count("http://localhost:8000") == 1
    return text.replace("http://localhost:8000", address)


def run_command(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


def test_the_coordinators_own_python_registers_a_worker(yard: Stack, address: str, tmp_path: Path) -> None:
    script = tmp_path / "register.py"
    script.write_text(snippet_for("register.py.txt", address))
    registered = run_command(sys.executable, str(script)).removeprefix("Registered: ").strip()
    assert yard.open("coordinator").json("GET", f"/api/workers/{registered}")["name"] == "Python-Worker"


def test_the_coordinators_own_javascript_creates_a_task(yard: Stack, address: str, tmp_path: Path) -> None:
    # The snippet is part of a program: it awaits outside of a function, and its image comes from elsewhere.
    text = f"(async () => {{ const base64Image = 'aW1hZ2U=';\n{snippet_for('create.cjs', address)}}})();"
    created = run_command("node", str(node.place_script(COORDINATOR / "create.cjs", text, tmp_path)))
    task = yard.open("coordinator").json("GET", f"/api/tasks/{created.removeprefix('Task created: ').strip()}")
    assert (task["type"], task["priority"], task["payload"]) == ("captcha", "high", {"image": "aW1hZ2U="})


def test_the_coordinators_own_curl_shows_the_summary(address: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None or shutil.which("jq") is None:
        pytest.skip("stats.sh needs curl and jq, which are not on this machine")
    script = tmp_path / "stats.sh"
    script.write_text(snippet_for("stats.sh", address))
    summary = json.loads(run_command("sh", str(script)))
    assert summary["total_workers"] == summary["online"] + summary["busy"] + summary["offline"]
