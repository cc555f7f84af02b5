"""README's first commands, unchanged but for addresses: a real server completes a task, and nothing is left running."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.stack import PATIENCE, Caller, Process, Stack, environment, line, wait_until

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "docs/examples/server.py"


def quickstart() -> str:
    """The first block of commands, without prompts and output."""
    block = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    commands = re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE)
    assert commands[0].startswith("make run"), "which the stack of these tests does"
    return "\n".join(commands[1:])


def test_readmes_first_commands_show_a_task_completed(yard: Stack, admin: Caller) -> None:
    script = quickstart()
    for there, here in {
        "make -s token ROLE=admin": f"ROLE=admin {sys.executable} -m infra.local.token",
        "python3 ": f"{sys.executable} ",
        "localhost:8787": yard.url.removeprefix("http://"),
    }.items():
        assert there in script
        script = script.replace(there, here)
    script += "\necho; kill %1; wait"
    env = environment(API=yard.url, PORT="0")
    run = subprocess.run(
        ["bash", "-ec", f"set -m\n{script}"], env=env, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE * 2,
        check=False,
    )  # fmt: skip
    task, listed = documents(run.stdout)
    assert (task["status"], task["result"]) == ("COMPLETED", {"greeting": "Hello, world!"}), run.stderr
    assert task["id"] in [row["id"] for row in listed["tasks"]]
    assert "is unregistered" in run.stdout
    assert task["serverId"] not in ids(admin)


def documents(text: str) -> list[Any]:
    """The JSON objects in the output, adjacent or with lines between them."""
    parsed, decoder = [], json.JSONDecoder()
    while (start := text.find("{")) >= 0:
        one, end = decoder.raw_decode(text, start)
        parsed.append(one)
        text = text[end:]
    return parsed


def ids(admin: Caller) -> list[str]:
    return [server["id"] for server in admin.json("GET", "/api/servers")["servers"]]


@contextmanager
def server(admin: Caller, port: int = 0) -> Iterator[Process]:
    """The example's process, whether or not it can register."""
    said = environment(API=admin.url, PORT=str(port), TOKEN=str(admin.token))
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, str(SERVER)], env=said, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_registration(process: Process) -> tuple[str, int]:
    """The server's id and URL."""
    name, *_, url = line(process).split()
    return name, int(url.rstrip("/").rpartition(":")[2])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_server_leaves_nothing_behind_when_a_signal_ends_it(number: signal.Signals, admin: Caller) -> None:
    with server(admin) as process:
        name, _ = read_registration(process)
        assert name in ids(admin)
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    assert name not in ids(admin)


def test_one_that_was_killed_is_the_same_server_when_it_is_started_again(admin: Caller) -> None:
    with server(admin) as first:
        name, port = read_registration(first)
        first.kill()
        first.wait(PATIENCE)
    with server(admin, port) as second:
        assert read_registration(second) == (name, port)
        task_id = admin.submit(type="greeting", payload={})
        done = wait_until(lambda: admin.task(task_id), lambda task: task["status"] != "PENDING" and "result" in task)
        assert (done["serverId"], done["result"]) == (name, {"greeting": "Hello, stranger!"})
        second.terminate()
        second.wait(PATIENCE)
    assert name not in ids(admin)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"TOKEN": ""}, "answered 401"), ({"API": "http://127.0.0.1:1"}, "cannot reach http://127.0.0.1:1")],
)
def test_a_server_that_cannot_register_says_why(wrong: dict[str, str], words: str, admin: Caller) -> None:
    env = environment(**{"API": admin.url, "PORT": "0", "TOKEN": str(admin.token)} | wrong)
    command = [sys.executable, str(SERVER)]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1)
    assert words in run.stderr
