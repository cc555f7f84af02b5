"""What Lambda's event-source mappings and EventBridge do: events in, functions called, failures brought back."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import BoundedSemaphore, Event, Thread

from chalicelib.observability import logger
from infra.local.lambdas.sources import Job, Source
from infra.local.moto import write_signals

STOP_SECONDS = 1.0


class Pump:
    """Runs the jobs of all sources: in threads between `start` and `stop`, or in the caller's by `drain`."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._lines = [_Line(source) for source in sources]

    def start(self) -> None:
        for line in self._lines:
            line.start()

    def stop(self) -> None:
        """Take no more. Jobs that run are given a second; whatever they leave undone is for the next run to find."""
        for line in self._lines:
            line.ask_to_stop()
        for line in self._lines:
            line.stop()

    def drain(self) -> None:
        """Run, in this thread, everything that is due by the clock as it stands, and all that follows from it."""
        while sum(_drained(line.source) for line in self._lines):
            pass


def _drained(source: Source) -> bool:
    """Whether there was anything to run; all of it has been."""
    found = False
    while (job := source.take()) is not None:
        _run(source, job)
        found = True
    return found


def _run(source: Source, job: Job) -> None:
    try:
        job()
    except Exception as error:  # noqa: BLE001 - the source brings the batch back, as Lambda would
        logger().error("A function failed and is run again", extra={"source": source.name}, exc_info=error)


class _Line:
    """One source with the thread that looks after it, and those in which its jobs run."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._heard, self._stopping = Event(), False
        self._free = BoundedSemaphore(source.concurrency)
        self._looked = -math.inf
        self._cleanup = ExitStack()

    def start(self) -> None:
        self._stopping = False
        self._jobs = ThreadPoolExecutor(self.source.concurrency, thread_name_prefix=self.source.name)
        self._cleanup.enter_context(write_signals.listening(self.source.name, self._heard))
        self._thread = Thread(target=self._watch, name=f"watch {self.source.name}", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping = True
        self._heard.set()
        self._jobs.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        self._thread.join(STOP_SECONDS)
        self._cleanup.close()

    def _watch(self) -> None:
        while not self._stopping:
            self._free.acquire()
            self._keep_pace()
            self._heard.clear()
            job = self._next()
            if job is not None and not self._stopping:
                self._jobs.submit(self._work, job)
            else:
                self._free.release()
            if job is None or not self.source.has_more:
                self._wait()

    def _keep_pace(self) -> None:
        """Not by `_heard`: what is written meanwhile is what this waits for."""
        time.sleep(max(0.0, self._looked + self.source.pace - time.monotonic()))
        self._looked = time.monotonic()

    def _wait(self) -> None:
        # Asked after `_heard` was cleared, so that a word to stop is not missed.
        if not self._stopping:
            self._heard.wait(self.source.patience())

    def _next(self) -> Job | None:
        try:
            return self.source.take()
        except Exception as error:  # noqa: BLE001 - a source out of reach now may be in reach later
            logger().error("A source cannot be read", extra={"source": self.source.name}, exc_info=error)
            return None

    def _work(self, job: Job) -> None:
        _run(self.source, job)
        # What came meanwhile for the same FIFO group could not be taken until now.
        self._heard.set()
        self._free.release()
