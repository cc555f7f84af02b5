"""The local stack as a process, and a caller of its APIs: only what users have."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partialmethod
from typing import Any, TypeVar

import requests

from chalicelib.providers.extras import EXTRAS
from infra.bundles import BUNDLES
from tests.support.client import token

ORG = "local"
PATIENCE = 90.0
"""The time limit in seconds, also on a busy machine."""
T = TypeVar("T")
Process = subprocess.Popen[str]


def environment(**more: str) -> dict[str, str]:
    """This process's environment without the variables of other tests."""
    ours = ("LOG_LEVEL", "AWS_", "POWERTOOLS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


@contextmanager
def python(*arguments: str, **env: str) -> Iterator[Process]:
    """Run `python -m ...` with pipes; it is killed at the end if it still runs."""
    command, pipe = [sys.executable, "-m", *arguments], subprocess.PIPE
    with subprocess.Popen(command, env=environment(**env), stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: Process) -> str:
    """The next line that the process prints. Fails with standard error if there is none."""
    assert process.stdout is not None and process.stderr is not None
    text = process.stdout.readline()
    assert text, process.stderr.read()
    return text.rstrip("\n")


NO_EXTRAS = {name.upper(): "off" for name in (*EXTRAS, "CODE_WORKER")}
"""No stack installs packages or has a code worker unless a test needs it."""
ANY_PORTS = NO_EXTRAS | {f"PORT_{bundle.name.upper()}": "0" for bundle in BUNDLES if bundle.http}


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    urls: Mapping[str, str]
    """API -> its URL."""
    process: Process

    @property
    def url(self) -> str:
        return self.urls["processing"]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def caller(self, role: str, subject: str | None = None, plan: str = "enterprise", org: str = ORG) -> "Caller":
        return Caller(self.url, token(role, org, subject or role, plan))

    def open(self, api: str) -> "Caller":
        """An anonymous caller of an API that the local stage opens."""
        return Caller(self.urls[api], None)


@contextmanager
def stack(module: str = "infra.local", **env: str) -> Iterator[Stack]:
    """Start a stack on free ports, and wait until it prints `ready`. `module` can be another module that starts it."""
    with python(module, **(ANY_PORTS | env)) as process:
        words = [text.split() for text in iter(lambda: line(process), "ready")]
        yield Stack({api: url for api, url, *_ in words if url.startswith("http://")}, process)


class Caller:
    """Calls the API with one token, or none, over persistent connections."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url, self.token = url, token
        self._session = requests.Session()
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self._session.request(method, self.url + path, json=body, timeout=PATIENCE, **more)

    get = partialmethod(call, "GET")
    post = partialmethod(call, "POST")

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; fails for an error."""
        answer = self.call(method, path, body)
        assert answer.ok, answer.text
        return answer.json()

    def submit(self, **task: Any) -> str:
        return str(self.json("POST", "/api/task", {"type": "t", "priority": 1} | task)["id"])

    def task(self, identifier: str) -> Any:
        return self.json("GET", f"/api/task/{identifier}")


def wait_until(read: Callable[[], T], is_accepted: Callable[[T], bool], reads: int = 600) -> T:
    """Read a value until it is accepted. Fails with the last one after so many reads, 0.05 s apart: no clock is asked,
    so that a slow machine, whose reads take longer, has longer."""
    for _ in range(reads):
        if is_accepted(value := read()):
            return value
        time.sleep(0.05)
    raise AssertionError(value)
