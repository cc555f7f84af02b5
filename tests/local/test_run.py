"""`make run` and `make token` as processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from infra.bundles import BUNDLES

pytestmark = pytest.mark.system

ENOUGH = 30
"""Seconds for a start on a busy machine."""


def environment(**more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "LOG_LEVEL"}
    ports = {f"PORT_{bundle.name.upper()}": "0" for bundle in BUNDLES if bundle.http}
    return inherited | ports | more


@contextmanager
def process(module: str = "infra.local", **more: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", module]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(**more), text=True, **pipes) as found:
        try:
            yield found
        finally:
            found.kill()


def all_urls(running: "subprocess.Popen[str]") -> dict[str, str]:
    assert running.stdout is not None
    lines = [line.split() for line in iter(running.stdout.readline, "ready\n")]
    return {line[0]: line[1] for line in lines}


def url(running: "subprocess.Popen[str]") -> str:
    return all_urls(running)["processing"]


def token(**asked: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "infra.local.token"]
    return subprocess.run(
        command, env=environment(**asked), capture_output=True, text=True, timeout=ENOUGH, check=False
    )


PATIENT = "tests.support.patient_stack"
WAITERS = 30
"""More than may wait, and more than is free."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop_and_answers_what_it_has_accepted(number: signal.Signals) -> None:
    authorization = {"Authorization": f"Bearer {token(ROLE='user').stdout.strip()}"}
    with process(PATIENT) as running, ThreadPoolExecutor(WAITERS) as threads:
        urls = all_urls(running)
        base = urls["processing"]
        assert requests.get(f"{base}/docs", timeout=ENOUGH).status_code == 200
        assert requests.head(f"{base}/openapi.json", timeout=ENOUGH).text == ""

        def wait_for_the_end(_: int) -> tuple[int, str]:
            body = {"type": "toy", "priority": 1, "async": False}
            answer = requests.post(f"{base}/api/task", json=body, headers=authorization, timeout=ENOUGH)
            return answer.status_code, answer.json()["status"]

        waiting = [threads.submit(wait_for_the_end, each) for each in range(WAITERS)]
        stats = f"{base}/api/stats/tasks"
        while requests.get(stats, headers=authorization, timeout=ENOUGH).json()["totalTasks"] < WAITERS:
            pass
        with connect(f"{urls['support'].replace('http', 'ws')}/tasks/updates", proxy=None) as watcher:
            running.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    watcher.recv(ENOUGH)
        out, err = running.communicate(timeout=ENOUGH)
        assert (running.returncode, out, err) == (0, "", "")
        assert [each.result(ENOUGH) for each in waiting] == [(201, "PENDING")] * WAITERS
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001


def test_waits_of_one_org_hold_up_nobody_else() -> None:
    def post(_: int) -> int:
        body = {"type": "toy", "priority": 1, "async": False}
        return requests.post(f"{base}/api/task", json=body, headers=noisy, timeout=ENOUGH).status_code

    def ask() -> int:
        return requests.get(f"{base}/api/stats/tasks", headers=quiet, timeout=ENOUGH).status_code

    noisy, quiet = (
        {"Authorization": f"Bearer {token(ROLE='user', ORG=org, PLAN='enterprise').stdout.strip()}"}
        for org in ("noisy", "quiet")
    )
    with process(PATIENT) as running, ThreadPoolExecutor(100) as threads:
        base = url(running)
        waiting = [threads.submit(post, each) for each in range(100)]
        while sum(each.done() for each in waiting) < 90:
            assert ask() == 200
        assert ask() == 200
        assert sum(each.done() for each in waiting) == 90, "ten wait until the end"
        running.send_signal(signal.SIGINT)
        assert {each.result(ENOUGH) for each in waiting} == {201}


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
