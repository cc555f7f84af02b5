"""Start and end of the stack, as its user sees them."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.system.stack import ANY_PORTS, PATIENCE, Caller, Stack, environment, line, python, stack, wait_until


def test_it_listens_on_this_machine_only(yard: Stack) -> None:
    opened = {entry.readlink().name for entry in Path(f"/proc/{yard.process.pid}/fd").iterdir() if entry.is_symlink()}
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in opened}
    ports = {int(url.rpartition(":")[2]) for url in yard.urls.values()}
    assert listening >= {f"0100007F:{port:04X}" for port in ports}
    assert {address.partition(":")[0] for address in listening} == {"0100007F"}, "files have a port of their own"


def test_a_taken_port_is_one_clear_line(yard: Stack) -> None:
    with python("infra.local", **ANY_PORTS | {"PORT_PROCESSING": str(yard.port)}) as second:
        out, err = second.communicate(timeout=PATIENCE)
    assert (second.returncode, out, err.count("\n")) == (1, "", 1)
    assert f"Port {yard.port} is taken" in err
    assert requests.get(f"{yard.url}/openapi.json", timeout=PATIENCE).ok, "the first one goes on"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_soon_though_clients_wait(number: signal.Signals) -> None:
    with stack("tests.support.patient_stack") as yard, ThreadPoolExecutor(5) as threads:
        user = yard.caller("user")
        task = {"type": "t", "priority": 1, "async": False}
        waiting = [threads.submit(user.post, "/api/task", task) for _ in range(5)]
        wait_until(lambda: user.json("GET", "/api/stats/tasks")["totalTasks"], lambda count: count == 5)
        yard.process.send_signal(number)
        out, err = yard.process.communicate(timeout=PATIENCE)
        assert (yard.process.returncode, out, err) == (0, "", "")
        assert {answer.result().status_code for answer in waiting} == {201}, "what was accepted is answered so"


def printed_token(**asked: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "infra.local.token"]
    env = environment(**asked)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_printed_token_works_and_is_all_that_is_printed(yard: Stack) -> None:
    run = printed_token(ROLE="admin", ORG="printed")
    assert (run.returncode, run.stdout.count("\n"), run.stderr) == (0, 1, "")
    assert Caller(yard.url, run.stdout.strip()).json("GET", "/api/servers") == {"servers": []}


def test_a_role_that_there_is_not_is_one_line(yard: Stack) -> None:
    run = printed_token(ROLE="king")
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert "ROLE must be one of user, server, admin" in run.stderr


def test_ready_is_a_line_of_its_own_and_the_last() -> None:
    with python("infra.local", **ANY_PORTS) as process:
        started = list(iter(lambda: line(process), "ready"))
        process.terminate()
        rest, _ = process.communicate(timeout=PATIENCE)
    assert rest == ""
    assert any("http://127.0.0.1:" in text and "/docs" in text for text in started)
