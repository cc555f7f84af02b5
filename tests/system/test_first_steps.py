"""The commands of docs/first-steps and the workers of docs/reference, as they stand there but for addresses, against a
stack of their own."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import token
from tests.system.conftest import QUICK
from tests.system.stack import ORG, PATIENCE, Stack, environment, stack, wait_until

ROOT = Path(__file__).parents[2]
PORTS = {
    "processing": 8787,
    "coordinator": 8000,
    "support": 8003,
    "messenger": 8004,
    "surveys": 8018,
    "recognition": 8019,
    "codeserver": 8041,
    "studio": 8005,
    "projects": 3000,
}


@pytest.fixture(scope="module")
def fresh() -> Iterator[Stack]:
    """The commands leave tasks that wait, which other tests' servers would get."""
    with stack(LOG_LEVEL="CRITICAL", **QUICK) as ready:
        yield ready


def commands(page: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "docs" / "first-steps" / page).read_text(), re.DOTALL)
    return [command for block in blocks for command in re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE)]


def run(fresh: Stack, command: str) -> Any:
    """What a curl prints, as JSON. Fails on an error of the API."""
    for api, port in PORTS.items():
        command = command.replace(f"localhost:{port}", fresh.urls[api].removeprefix("http://"))
    assert "curl -s " in command
    script = command.replace("curl -s ", "curl -s --fail-with-body ")
    env = environment() | {"TOKEN": token("admin", ORG, "dev")}
    done = subprocess.run(
        ["bash", "-ec", script], env=env, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


@contextmanager
def server(fresh: Stack, command: str) -> Iterator[None]:
    """The example's server, until it has unregistered itself."""
    words = [sys.executable, *command.removesuffix(" &").split()[1:]]
    env = environment(API=fresh.url, PORT="0", TOKEN=token("admin", ORG, "dev"))
    with subprocess.Popen(words, env=env, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def test_a_task_waits_for_a_server_and_is_completed_by_it_and_so_is_one_after_it_was_stopped(fresh: Stack) -> None:
    steps = commands("README.md")
    first, second = [step for step in steps if "-X POST" in step]
    [look] = [step for step in steps if "task_..." in step]
    start, again = [step for step in steps if step.startswith("python3 docs/examples/server.py")]
    for post, serve, name in ((first, start, "Ada"), (second, again, "Grace")):
        task = run(fresh, post)
        ask = look.replace("task_...", task["id"])
        waiting = run(fresh, ask)
        assert (waiting["status"], "none is registered" in waiting["waitingFor"]) == ("PENDING", True)
        with server(fresh, serve):
            done = wait_until(partial(run, fresh, ask), lambda found: found["status"] == "COMPLETED")
        assert done["result"] == {"greeting": f"Hello, {name}!"}


@pytest.mark.parametrize("command", [one for one in commands("apis.md") if "curl" in one and "<" not in one])
def test_the_first_call_to_each_api_succeeds(fresh: Stack, command: str) -> None:
    assert run(fresh, command)


def test_there_is_a_first_call_to_each_api_but_the_one_of_the_first_steps() -> None:
    page = "\n".join(commands("apis.md"))
    assert {api for api, port in PORTS.items() if f"localhost:{port}/" in page} == {*PORTS} - {"processing"}


WORK = {
    "coordinator": {"name": "one", "type": "captcha", "payload": {"image": "aW1hZ2U="}, "auto_assign": True},
    "survey": {"platform": "prolific", "account_id": "account-uuid"},
}


@pytest.mark.parametrize("api", WORK)
def test_a_worker_of_the_reference_does_its_task(fresh: Stack, api: str, tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / f"docs/reference/{api}-api.md").read_text(), re.DOTALL)
    coordinator = fresh.open("coordinator")
    script = tmp_path / "worker.py"
    script.write_text(code.replace("http://localhost:8000", fresh.urls["coordinator"]))
    if api == "survey":
        identifier = fresh.open("surveys").json("POST", "/api/start", WORK[api])["session_id"]
    else:
        identifier = coordinator.json("POST", "/api/tasks", WORK[api])["id"]
    with subprocess.Popen([sys.executable, str(script)], env=environment(), stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(
                partial(coordinator.json, "GET", f"/api/tasks/{identifier}"),
                lambda found: found["status"] == "completed",
            )
        finally:
            process.kill()
