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

from chalicelib.providers.extras import EXTRAS
from infra.bundles import BUNDLES

pytestmark = pytest.mark.system

NO_EXTRAS = {name.upper(): "off" for name in (*EXTRAS, "CODE_WORKER")}
"""Switches off the installation of optional packages and the code worker."""
TIMEOUT_SECONDS = 30
"""The time limit of a start, also on a busy machine."""


def environment(**more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "LOG_LEVEL"}
    ports = {f"PORT_{bundle.name.upper()}": "0" for bundle in BUNDLES if bundle.http}
    return inherited | ports | NO_EXTRAS | more


@contextmanager
def running_process(module: str = "infra.local", **more: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", module]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(**more), text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def all_urls(stack: "subprocess.Popen[str]") -> dict[str, str]:
    assert stack.stdout is not None
    lines = [line.split() for line in iter(stack.stdout.readline, "ready\n")]
    return {line[0]: line[1] for line in lines}


def url(stack: "subprocess.Popen[str]") -> str:
    return all_urls(stack)["processing"]


def token(**variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "infra.local.token"]
    return subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )


PATIENT = "tests.support.patient_stack"
WAITERS = 30
"""More requests than may wait at once."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_all_accepted_requests_are_answered(number: signal.Signals) -> None:
    authorization = {"Authorization": f"Bearer {token(ROLE='user').stdout.strip()}"}
    with running_process(PATIENT) as stack, ThreadPoolExecutor(WAITERS) as threads:
        urls = all_urls(stack)
        base = urls["processing"]
        assert requests.get(f"{base}/docs", timeout=TIMEOUT_SECONDS).status_code == 200
        assert requests.head(f"{base}/openapi.json", timeout=TIMEOUT_SECONDS).text == ""

        def wait_for_the_end(_: int) -> tuple[int, str]:
            body = {"type": "toy", "priority": 1, "async": False}
            answer = requests.post(f"{base}/api/task", json=body, headers=authorization, timeout=TIMEOUT_SECONDS)
            return answer.status_code, answer.json()["status"]

        waiting = [threads.submit(wait_for_the_end, wait) for wait in range(WAITERS)]
        stats = f"{base}/api/stats/tasks"
        while requests.get(stats, headers=authorization, timeout=TIMEOUT_SECONDS).json()["totalTasks"] < WAITERS:
            pass
        with connect(f"{urls['support'].replace('http', 'ws')}/tasks/updates", proxy=None) as watcher:
            stack.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    watcher.recv(TIMEOUT_SECONDS)
        out, err = stack.communicate(timeout=TIMEOUT_SECONDS)
        assert (stack.returncode, out, err) == (0, "", "")
        assert [wait.result(TIMEOUT_SECONDS) for wait in waiting] == [(201, "PENDING")] * WAITERS
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001


def test_waits_of_one_org_delay_no_other_org() -> None:
    def post(_: int) -> int:
        body = {"type": "toy", "priority": 1, "async": False}
        return requests.post(f"{base}/api/task", json=body, headers=noisy, timeout=TIMEOUT_SECONDS).status_code

    def ask() -> int:
        return requests.get(f"{base}/api/stats/tasks", headers=quiet, timeout=TIMEOUT_SECONDS).status_code

    noisy, quiet = (
        {"Authorization": f"Bearer {token(ROLE='user', ORG=org, PLAN='enterprise').stdout.strip()}"}
        for org in ("noisy", "quiet")
    )
    with running_process(PATIENT) as stack, ThreadPoolExecutor(100) as threads:
        base = url(stack)
        waiting = [threads.submit(post, wait) for wait in range(100)]
        while sum(wait.done() for wait in waiting) < 90:
            assert ask() == 200
        assert ask() == 200
        assert sum(wait.done() for wait in waiting) == 90, "ten wait until the end"
        stack.send_signal(signal.SIGINT)
        assert {wait.result(TIMEOUT_SECONDS) for wait in waiting} == {201}


def is_ready_for_signals(stack: "subprocess.Popen[str]") -> bool:
    [caught] = [line for line in Path(f"/proc/{stack.pid}/status").read_text().splitlines() if "SigCgt" in line]
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def is_listening(port: int) -> bool:
    with socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("during", ["imports", "deployment"])
def test_a_signal_during_the_start_is_a_clean_end(number: signal.Signals, during: str) -> None:
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running_process(PORT_PROCESSING=str(port)) as stack:
        while not (is_ready_for_signals(stack) if during == "imports" else is_listening(port)):
            assert stack.poll() is None
        stack.send_signal(number)
        out, err = stack.communicate(timeout=TIMEOUT_SECONDS)
        assert (stack.returncode, out, err) == (0, "", "")


def test_a_taken_port_is_named() -> None:
    with socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with running_process(PORT_PROCESSING=str(port)) as stack:
            out, err = stack.communicate(timeout=TIMEOUT_SECONDS)
    assert (stack.returncode, out) == (1, "")
    assert err.splitlines() == [err.rstrip("\n")]
    assert err.startswith(f"Port {port} is taken: ")


def test_an_invalid_token_request_is_one_line_and_status_2() -> None:
    refused = token(ROLE="root")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "ROLE must be one of user, server, admin, not 'root'\n"
