"""Run a pod: write its stdin, read its output, and end it when it takes too long or too much memory."""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from code_worker.settings import Limits

MAX_SAID_BYTES = 512 * 1024
WATCH_SECONDS = 0.05
OUTPUT_READ = 64 * 1024


@dataclass(frozen=True)
class PodEnd:
    """How a pod ended. `reason` says why the worker ended it; it is empty if the pod ended itself, with `status`."""

    status: int
    reason: str
    output: str
    seconds: float


class _TooMuch(Exception):
    """The pod exceeded a limit and must be ended. The text says which limit."""


async def run(
    command: list[str],
    stdin_content: bytes,
    limits: Limits,
    seconds: float,
    on_line: Callable[[bytes], None] = lambda _: None,
) -> PodEnd:
    """Run a pod until it ends. `on_line` gets each line of its stdout. Cancelling the task ends the pod at once."""
    started = time.monotonic()
    with _file(stdin_content) as stdin, _output() as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=stdin, stdout=asyncio.subprocess.PIPE, stderr=output, cwd="/", start_new_session=True
        )
        watching = asyncio.create_task(_watch(process.pid, limits.memory_mb))
        reading = asyncio.create_task(_read(process, on_line))
        try:
            reason = await _end_of(reading, watching, seconds)
        finally:
            await _kill(process, watching, reading)
        status = process.returncode if process.returncode is not None else -1
        return PodEnd(status, reason, _read_output(output), time.monotonic() - started)


async def _end_of(reading: "asyncio.Task[None]", watching: "asyncio.Task[None]", seconds: float) -> str:
    """Wait for the end. Returns why the pod must be ended, or an empty text if it ended itself."""
    done, _ = await asyncio.wait({reading, watching}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if not done:
        return f"it took longer than {seconds:.3g} seconds"
    try:
        done.pop().result()
    except _TooMuch as reason:
        return str(reason)
    return ""


async def _kill(process: asyncio.subprocess.Process, *tasks: "asyncio.Task[None]") -> None:
    """End the pod. All its processes end with the first one, because it has a process namespace."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    for task in tasks:
        task.cancel()
    await asyncio.shield(process.wait())
    await asyncio.gather(*tasks, return_exceptions=True)


async def _read(process: asyncio.subprocess.Process, on_line: Callable[[bytes], None]) -> None:
    """Pass the lines of stdout on until the process ends. Raises _TooMuch."""
    assert process.stdout is not None
    rest, total = b"", 0
    while part := await process.stdout.read(65536):
        total += len(part)
        if total > MAX_SAID_BYTES:
            raise _TooMuch("it said too much")
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            on_line(line)
    await process.wait()


async def _watch(pid: int, memory_mb: int) -> None:
    """Check the memory of the pod's processes periodically. Raises _TooMuch."""
    while True:
        if _memory_kb(pid) > memory_mb * 1024:
            raise _TooMuch(f"it took more than {memory_mb} MB of memory")
        await asyncio.sleep(WATCH_SECONDS)


def _memory_kb(pid: int) -> int:
    """The memory of a process and its descendants, without mapped files."""
    total, pids = 0, [pid]
    while pids:
        folder = Path("/proc", str(pids.pop()))
        with contextlib.suppress(OSError):
            for line in (folder / "status").read_text().splitlines():
                if line.startswith(("RssAnon:", "RssShmem:")):
                    total += int(line.split()[1])
            for children in folder.glob("task/*/children"):
                pids += map(int, children.read_text().split())
    return total


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[IO[bytes]]:
    """Create a read-only file with this content and no name."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        with open(f"/proc/self/fd/{file.fileno()}", "rb") as reading:  # noqa: PTH123
            yield reading


@contextlib.contextmanager
def _output() -> Iterator[IO[bytes]]:
    """Create a file without a name for the output. Processes append to it, up to the limit of file sizes."""
    with tempfile.TemporaryFile() as file:
        fd = os.open(f"/proc/self/fd/{file.fileno()}", os.O_WRONLY | os.O_APPEND)
        with os.fdopen(fd, "wb") as writing:
            yield writing


def _read_output(output: IO[bytes]) -> str:
    """The beginning of the output."""
    with open(f"/proc/self/fd/{output.fileno()}", "rb") as reading:  # noqa: PTH123
        return reading.read(OUTPUT_READ).decode("utf-8", "replace")
