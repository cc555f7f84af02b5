"""Run functions as Lambda's event-source mappings and EventBridge do: read events, call functions, retry failures."""

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
    """Runs the jobs of all sources: in threads between `start` and `stop`, or in the caller's thread by `drain`."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._runners = [_SourceRunner(source) for source in sources]

    def start(self) -> None:
        for runner in self._runners:
            runner.start()

    def stop(self) -> None:
        """Stop reading the sources and wait one second for running jobs. What they do not finish is retried later."""
        for runner in self._runners:
            runner.ask_to_stop()
        for runner in self._runners:
            runner.stop()

    def drain(self) -> None:
        """Run in this thread everything that is due now, and everything that follows from it."""
        while sum(_drain_source(runner.source) for runner in self._runners):
            pass


def _drain_source(source: Source) -> bool:
    """Run all jobs of a source. Returns whether there was one."""
    has_run = False
    while (job := source.take()) is not None:
        _run(source, job)
        has_run = True
    return has_run


def _run(source: Source, job: Job) -> None:
    try:
        job()
    except Exception as error:  # noqa: BLE001 - the source returns the batch again, as Lambda does
        logger().error("A function failed and is run again", extra={"source": source.name}, exc_info=error)


class _SourceRunner:
    """Reads one source in a thread, and runs its jobs in others."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._wakeup, self._stopping = Event(), False
        self._free_slots = BoundedSemaphore(source.concurrency)
        self._last_read_at = -math.inf
        self._cleanup = ExitStack()

    def start(self) -> None:
        self._stopping = False
        self._jobs = ThreadPoolExecutor(self.source.concurrency, thread_name_prefix=self.source.name)
        self._cleanup.enter_context(write_signals.listening(self.source.name, self._wakeup))
        self._thread = Thread(target=self._watch, name=f"watch {self.source.name}", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping = True
        self._wakeup.set()
        self._jobs.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        self._thread.join(STOP_SECONDS)
        self._cleanup.close()

    def _watch(self) -> None:
        while not self._stopping:
            self._free_slots.acquire()
            self._keep_pace()
            self._wakeup.clear()
            job = self._next()
            if job is not None and not self._stopping:
                self._jobs.submit(self._work, job)
            else:
                self._free_slots.release()
            if job is None or not self.source.has_more:
                self._wait()

    def _keep_pace(self) -> None:
        """Wait for the source's pace. Writes do not end this wait: it lets them gather to one batch."""
        time.sleep(max(0.0, self._last_read_at + self.source.pace - time.monotonic()))
        self._last_read_at = time.monotonic()

    def _wait(self) -> None:
        # Checked after `_wakeup` is cleared, so that a request to stop is not missed.
        if not self._stopping:
            self._wakeup.wait(self.source.wait_seconds())

    def _next(self) -> Job | None:
        try:
            return self.source.take()
        except Exception as error:  # noqa: BLE001 - the source may be reachable later
            logger().error("A source cannot be read", extra={"source": self.source.name}, exc_info=error)
            return None

    def _work(self, job: Job) -> None:
        _run(self.source, job)
        # Later messages of the same FIFO group become available now.
        self._wakeup.set()
        self._free_slots.release()
