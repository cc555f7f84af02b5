"""Processes that print: started, read line by line, and ended."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from tests.system.stack import PATIENCE, Process, environment


@contextmanager
def running(*command: str, **env: str) -> Iterator[Process]:
    """Run the command as a process; standard error is among its lines."""
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment(**env), text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


class Lines:
    """The lines that a process prints."""

    def __init__(self, process: Process) -> None:
        self._found: SimpleQueue[str] = SimpleQueue()
        Thread(target=self._read, args=[process], daemon=True).start()

    def _read(self, process: Process) -> None:
        assert process.stdout is not None
        with suppress(ValueError):  # closed: the process was killed, and nobody reads any more
            for line in process.stdout:
                self._found.put(line)

    def read_until(self, good: Callable[[str], bool]) -> list[str]:
        """The lines up to the first one that is accepted; all of them if none is."""
        seen: list[str] = []
        while not seen or not good(seen[-1]):
            try:
                seen.append(self._found.get(timeout=PATIENCE))
            except Empty:
                raise AssertionError(seen) from None
        return seen

    def read_line_with(self, text: str) -> str:
        """The next line that contains this text."""
        return self.read_until(lambda line: text in line)[-1].rstrip("\n")
