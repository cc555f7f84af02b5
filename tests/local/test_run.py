"""`make run` and `make token` as processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import pytest
import requests

from infra.bundles import BUNDLES

pytestmark = pytest.mark.system

ENOUGH = 30
"""Seconds for a start on a busy machine."""


def environment(**more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "LOG_LEVEL"}
    ports = {f"PORT_{bundle.name.upper()}": "0" for bundle in BUNDLES if bundle.http}
    return inherited | ports | more


@contextmanager
def process(**more: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "infra.local"]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(**more), text=True, **pipes) as found:
        try:
            yield found
        finally:
            found.kill()


def url(running: "subprocess.Popen[str]") -> str:
    assert running.stdout is not None
    lines = list(iter(running.stdout.readline, "ready\n"))
    [found] = [line.split()[1] for line in lines if line.startswith("processing ")]
    return found


def token(**asked: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "infra.local.token"]
    return subprocess.run(
        command, env=environment(**asked), capture_output=True, text=True, timeout=ENOUGH, check=False
    )


def test_it_serves_until_it_is_told_to_stop_even_during_a_request() -> None:
    authorization = {"Authorization": f"Bearer {token(ROLE='user').stdout.strip()}"}
    with process() as running:
        base = url(running)
        assert requests.get(f"{base}/docs", timeout=ENOUGH).status_code == 200
        assert requests.head(f"{base}/openapi.json", timeout=ENOUGH).text == ""
        statuses: list[int] = []

        def wait_for_the_end() -> None:
            body = {"type": "toy", "priority": 1, "async": False}
            answer = requests.post(f"{base}/api/task", json=body, headers=authorization, timeout=ENOUGH)
            statuses.append(answer.status_code)

        waiting = threading.Thread(target=wait_for_the_end)
        waiting.start()
        while requests.get(f"{base}/api/stats/tasks", headers=authorization, timeout=ENOUGH).json()["totalTasks"] == 0:
            pass
        started = time.monotonic()
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=ENOUGH)
        waiting.join(ENOUGH)
        assert (running.returncode, out, err) == (0, "", "")
        assert time.monotonic() - started < 5
        assert statuses == [503]


def ready_for_signals(running: "subprocess.Popen[str]") -> bool:
    [caught] = [line for line in Path(f"/proc/{running.pid}/status").read_text().splitlines() if "SigCgt" in line]
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def listening(port: int) -> bool:
    with socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("during", ["imports", "deployment"])
def test_a_signal_during_the_start_is_a_clean_end(number: signal.Signals, during: str) -> None:
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with process(PORT_PROCESSING=str(port)) as running:
        while not (ready_for_signals(running) if during == "imports" else listening(port)):
            assert running.poll() is None
        running.send_signal(number)
        out, err = running.communicate(timeout=ENOUGH)
        assert (running.returncode, out, err) == (0, "", "")


def test_a_taken_port_is_named() -> None:
    with socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with process(PORT_PROCESSING=str(port)) as running:
            out, err = running.communicate(timeout=ENOUGH)
    assert (running.returncode, out) == (1, "")
    assert err.splitlines() == [err.rstrip("\n")]
    assert err.startswith(f"Port {port} is taken: ")


def test_a_token_that_cannot_be_is_one_line_and_status_2() -> None:
    refused = token(ROLE="root")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "ROLE must be one of user, server, admin, not 'root'\n"
