"""Child processes of the demos: a stack and its workers."""

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
    # The demo kills a worker and prints that itself.
    "LOG_LEVEL": "ERROR",
    "CODE_WORKER": "off",
}


@contextmanager
def stack(**settings: str) -> Iterator[dict[str, str]]:
    """Run a stack on free ports with these settings, until the block ends. Yields the URL of each API."""
    with process("infra.local", env=os.environ | STACK | settings) as child:
        lines = list(iter(lambda: read_line(child), "ready"))
        words = [kind.split() for kind in lines]
        yield {kind[0]: kind[1] for kind in words if kind[1].startswith("http://")}


@contextmanager
def process(module: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator["subprocess.Popen[str]"]:
    """Run a Python module as a child process, until the block ends."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as child:
        try:
            yield child
        finally:
            child.terminate()


def read_line(child: "subprocess.Popen[str]") -> str:
    """The next line that a process prints. Raises RuntimeError when it has ended."""
    assert child.stdout is not None
    text = child.stdout.readline()
    if not text:
        raise RuntimeError(f"{child.args!r} ended before it was ready")
    return text.strip()


def send_line(child: "subprocess.Popen[str]", text: str) -> None:
    """Send a line to a process."""
    assert child.stdin is not None
    print(text, file=child.stdin, flush=True)
