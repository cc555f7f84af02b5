"""A local stack in a process of its own on free ports, and callers that keep their connections open, as clients do."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from chalicelib.providers.extras import EXTRAS
from infra.bundles import BUNDLES

TTL_SECONDS = 3600
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stack:
    """A running stack: the URL of each API, and the process's id."""

    urls: dict[str, str]
    pid: int

    def cpu_seconds(self) -> float:
        """The CPU time that the process has used so far."""
        # The fields after the program's name, which may contain spaces.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def megabytes(self) -> float:
        """The resident memory of the process."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        [kilobytes] = [line.split()[1] for line in lines if line.startswith("VmRSS")]
        return int(kilobytes) / 1024


@contextmanager
def stack() -> Iterator[Stack]:
    """Start a stack, and end it after the block."""
    ports = {f"PORT_{bundle.name.upper()}": "0" for bundle in BUNDLES if bundle.http}
    # The stack must not inherit the AWS settings of the measuring process.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BUNDLE"))}
    no_extras = {name.upper(): "off" for name in (*EXTRAS, "CODE_WORKER")}
    env, command = inherited | ports | no_extras | {"LOG_LEVEL": "ERROR"}, [sys.executable, "-m", "infra.local"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed_words = [line.split() for line in iter(process.stdout.readline, "ready\n")]
            yield Stack({api: url for api, url, *_ in printed_words if url.startswith("http://")}, process.pid)
        finally:
            process.terminate()


class Caller:
    """A caller of one API, with rate limits of its own. Errors are raised as requests.HTTPError."""

    def __init__(self, url: str, org: str, subject: str, role: str = "user") -> None:
        self._url, self._session = url, requests.Session()
        token = authentication.issue_token(Principal(org, subject, role, "enterprise"), TTL_SECONDS)
        self._session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API and return the answer's JSON."""
        answer = self._session.request(method, self._url + path, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()


def milliseconds(call: Callable[[], Any]) -> float:
    """Run `call` and return how long it took."""
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)
