"""The recogniser in a process of its own, which is replaced when it dies or takes too much.

Decoders of images and recordings are C code that reads hostile input. In the caller's process a defect of theirs would
end all requests that are under way there; here it ends the one job.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from chalicelib.errors import Unavailable
from chalicelib.observability import logger
from chalicelib.providers.recognition import child, jobs
from chalicelib.providers.recognition.jobs import Answer, Job
from chalicelib.providers.recognition.recognizer import UnreadableInput

START_SECONDS = 60.0
"""For the process to start and import. It takes less than a second where nothing else runs."""
SEND_SECONDS = 5.0
"""For the process to take a part of a job; it waits for nothing else."""
END_SECONDS = 1.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_RESIDENT_BYTES = 1536 * 1024 * 1024
"""A process that has grown beyond this is replaced before the next job."""
CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGSYS})


class Died(Exception):
    """The process ended before it answered. `signal` is what ended it, 0 if it exited by itself."""

    def __init__(self, number: int) -> None:
        super().__init__(f"The recogniser's process ended by signal {number}")
        self.signal = number

    @property
    def is_crash(self) -> bool:
        """Whether a defect in the code that it ran ended it, rather than somebody from outside."""
        return self.signal in CRASHES


class RecognitionProcess:
    """Runs one job at a time; callers take turns. The process is started by the first job after it ended."""

    def __init__(self, factory: str, max_resident_bytes: int = MAX_RESIDENT_BYTES) -> None:
        """`factory` is the path of the callable that makes the recogniser, such as `package.module:name`."""
        self._command: Sequence[str] = (sys.executable, "-m", child.__name__, factory)
        self._max_resident_bytes = max_resident_bytes
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the process; None while none runs."""
        process = self._process  # another thread may stop it meanwhile
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> bool:
        """Start the process if none runs. Returns whether it was started now. Raises Died, Unavailable."""
        if self.pid is not None:
            return False
        self.stop()
        self._process = subprocess.Popen(  # noqa: S603 - this program and a path of this code
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A terminal's Ctrl-C is for the parent, at whose end the input ends.
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            bufsize=0,
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        logger().info("The recogniser's process was started", extra={"pid": self._process.pid})
        self._receive(START_SECONDS)
        return True

    def run(self, job: Job, cpu_seconds: int, seconds: float) -> Answer:
        """The job's answer.

        Raises what the recogniser raises, UnreadableInput for a file on which it fails, Died, also when the job took
        more than `cpu_seconds` of CPU time (0 allows any), and Unavailable if there is no answer after `seconds`.
        """
        self._send(job, cpu_seconds)
        message = self._receive(seconds)
        if message.pop("resident_bytes", 0) > self._max_resident_bytes:
            logger().warning("The recogniser's process has grown too large and is replaced", extra={"pid": self.pid})
            self.stop()
        if "failed" in message:
            raise UnreadableInput(message["failed"])
        return jobs.unpack_answer(job.capability, message)

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _send(self, job: Job, cpu_seconds: int) -> None:
        assert self._process is not None and self._process.stdin is not None
        message, pipe = jobs.pack_job(job), self._process.stdin.fileno()
        rest = memoryview(child.HEAD.pack(cpu_seconds, len(message)) + message)
        while rest:
            self._wait_for(pipe, select.POLLOUT, SEND_SECONDS)
            try:
                rest = rest[os.write(pipe, rest) :]
            except BrokenPipeError:
                raise self._death() from None

    def _receive(self, seconds: float) -> dict[str, Any]:
        head = self._read(child.LENGTH.size, seconds)
        [length] = child.LENGTH.unpack(head)
        if length > MAX_ANSWER_BYTES:
            self.stop()
            raise UnreadableInput("The file has too much to be recognised")
        return dict(json.loads(self._read(length, seconds)))

    def _read(self, size: int, seconds: float) -> bytes:
        """`size` bytes of the process's output. Raises Died, and Unavailable when nothing comes for `seconds`."""
        assert self._process is not None and self._process.stdout is not None
        pipe, parts = self._process.stdout.fileno(), b""
        while len(parts) < size:
            self._wait_for(pipe, select.POLLIN, seconds)
            part = os.read(pipe, size - len(parts))
            if not part:
                raise self._death()
            parts += part
        return parts

    def _wait_for(self, pipe: int, event: int, seconds: float) -> None:
        """Return once the pipe can be read or written, or has ended. Raises Unavailable after `seconds`."""
        poll = select.poll()  # `select.select` takes no descriptor above 1023
        poll.register(pipe, event)
        if not poll.poll(seconds * 1000):
            self.stop()
            raise Unavailable("The engine did not answer in time; try again", retry_after=1)

    def _death(self) -> Died:
        assert self._process is not None
        try:
            status = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            status = 0
        self.stop()
        return Died(max(0, -status))
