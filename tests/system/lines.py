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
    """The command as a process; what it complains of is among its lines."""
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment(**env), text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


class Lines:
    """What a process prints, line by line."""

    def __init__(self, process: Process) -> None:
        self._found: SimpleQueue[str] = SimpleQueue()
        Thread(target=self._read, args=[process], daemon=True).start()

    def _read(self, process: Process) -> None:
        assert process.stdout is not None
        with suppress(ValueError):  # closed: the process was killed, and nobody reads any more
            for line in process.stdout:
                self._found.put(line)

    def until(self, good: Callable[[str], bool]) -> list[str]:
        """The lines up to the first good one, or all of them when it does not come."""
        seen: list[str] = []
        while not seen or not good(seen[-1]):
            try:
                seen.append(self._found.get(timeout=PATIENCE))
            except Empty:
                raise AssertionError(seen) from None
        return seen

    def says(self, text: str) -> str:
        """The next line that has this text in it."""
        return self.until(lambda line: text in line)[-1].rstrip("\n")
