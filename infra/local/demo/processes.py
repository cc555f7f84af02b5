"""What the demos have in common: a stack of their own, and processes beside it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from infra.bundles import BUNDLES

STACK = {
    **{f"PORT_{bundle.name.upper()}": "0" for bundle in BUNDLES if bundle.http},
    "SWEEP_SECONDS": "2",
    "HEARTBEAT_TIMEOUT_SECONDS": "4",
    "BACKOFF_BASE_SECONDS": "0.5",
    # A worker is about to die, and the demo says so itself.
    "LOG_LEVEL": "ERROR",
}


@contextmanager
def stack(**settings: str) -> Iterator[dict[str, str]]:
    """A stack with free ports and these settings, until the block ends; the URL of each API."""
    with process("infra.local", env=os.environ | STACK | settings) as started:
        lines = list(iter(lambda: read_line(started), "ready"))
        words = [line.split() for line in lines]
        yield {line[0]: line[1] for line in words if line[1].startswith("http://")}


@contextmanager
def process(module: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A Python module as a process of its own, until the block ends."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as started:
        try:
            yield started
        finally:
            started.terminate()


def read_line(started: "subprocess.Popen[str]") -> str:
    """The next line that a process prints. Raises RuntimeError when it has ended."""
    assert started.stdout is not None
    text = started.stdout.readline()
    if not text:
        raise RuntimeError(f"{started.args!r} ended before it was ready")
    return text.strip()


def tell(started: "subprocess.Popen[str]", text: str) -> None:
    """Send a line to a process."""
    assert started.stdin is not None
    print(text, file=started.stdin, flush=True)
